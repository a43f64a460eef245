"""How one part is made: looked up, encoded, uploaded and proved, in the pool's threads."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from threading import Event

from ..addresses import AddressRule, origin_of
from ..errors import HostingError, InputError, MediaError, Stopped, WanAnimateError
from ..hosting.host import Host, HostedFile, Kind
from ..hosting.place import Placed, Upload, place
from ..hosting.prove import Expected, prove_readable
from ..media.digest import clip_digest
from ..media.encode import EncodeOptions, encode_clip
from ..media.envelope import CLIP_LIMIT_BYTES, PICTURE_LIMIT_BYTES
from ..media.mux import save_sound
from ..media.picture import encode_picture
from ..media.probe import probe
from ..media.types import FileClip, FramesClip
from ..transport import Transport
from ..unexpected import as_ours, report
from .desk import Desk
from .parts import LEAST_LIFE_S, Hosted, Part
from .request import PictureCharacter, UrlCharacter, UrlMotion
from .thumbnail import write_thumbnail
from .upload_cache import FIRST_BYTES, CachedUpload
from .watch import Progress

PIXELS = {"480p": 832 * 480, "720p": 1280 * 720}
"""What a resolution can use. Source: docs/service.md, “Media limits”, read 2026-11-23."""

_HEAD_BYTES = 512 * 1024
"""So much of a foreign clip is read to find its length."""


@dataclass
class _Work:
    """A part while it is made.

    Attributes:
        folder: For its files; goes away with it.
        hosts: Where it may go, in order.
        found: An upload of before that is still there.
    """

    part: Part
    folder: Path
    hosts: Sequence[Host] = ()
    found: Placed | None = None
    file: Upload | None = None
    clip_s: float | None = None
    sound: Path | None = None
    thumbnail: Path | None = None
    warnings: list[str] = field(default_factory=list[str])


class PartMaker:
    """Makes parts.

    Args:
        desk: The tools.
        end: Called with each part and what became of it.
    """

    def __init__(
        self, desk: Desk, *, end: Callable[[Part, Hosted | WanAnimateError], None]
    ) -> None:
        self._desk = desk
        self._end = end

    def begin(self, part: Part) -> None:
        """Make a part, in the pool's threads."""
        if isinstance(part.medium, (UrlCharacter, UrlMotion)):
            self._run("upload", part, lambda: self._end(part, self._prove(part)))
        else:
            self._run("upload", part, lambda: self._look_up(part))

    def _run(
        self, kind: str, part: Part, work: Callable[[], None], *, folder: Path | None = None
    ) -> None:
        """One stage in the pool; its error is the end of the part."""

        def stage() -> None:
            try:
                _raise_if_left(part)
                work()
            except Exception as error:  # noqa: BLE001 - the top of this part's way in this thread
                self._end(part, as_ours(error))
                if folder is not None:
                    shutil.rmtree(folder, ignore_errors=True)

        self._desk.pool.put(kind, stage)

    def _show(
        self, part: Part, phase: str, *, done: int | None = None, total: int | None = None
    ) -> None:
        before = part.progress
        began = before.started_at if before.phase == phase else self._desk.clock.now()
        unit = "" if done is None else "bytes" if phase == "uploading" else "frames"
        part.progress = Progress(phase, began, done, total, unit)

    # Addresses that somebody typed or wired in

    def _prove(self, part: Part) -> Hosted:
        """Read a medium at its address, before it costs anything."""
        medium = part.medium
        assert isinstance(medium, (UrlCharacter, UrlMotion))  # noqa: S101 - for the type checker
        ours = self._desk.uploads.behind(medium.url)
        rule = self._desk.remotes.rule(practice=part.key.purpose.practice)
        if ours is not None:  # our own host may be one in the house
            rule = replace(rule, exempt=rule.exempt | {origin_of(medium.url)})
        kind: Kind = "picture" if isinstance(medium, UrlCharacter) else "clip"
        warnings = prove_readable(
            medium.url,
            transport=self._desk.transport,
            rule=rule,
            expected=None,
            kind=kind,
            stop=part.stop,
        )
        clip_s = ours[1] if ours is not None else None
        if isinstance(medium, UrlMotion) and clip_s is None:
            clip_s = medium.duration_s or length_of(
                self._desk.transport, medium.url, rule, stop=part.stop
            )
        return Hosted(medium.url, clip_s=clip_s, warnings=warnings)

    # Media of our own

    def _look_up(self, part: Part) -> None:
        """Use an upload of before where it is still there."""
        self._desk.scratch.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=self._desk.scratch))
        work = _Work(part, folder)
        try:
            work.hosts = self._hosts(part)
            work.found = self._find(part, work.hosts)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._run("encode", part, lambda: self._encode(work), folder=folder)

    def _hosts(self, part: Part) -> Sequence[Host]:
        """What the owner of this installation allows at this moment."""
        purpose = part.key.purpose
        settings = replace(self._desk.settings.load(), practice=purpose.practice)
        return self._desk.hosts(settings, purpose.host)

    def _find(self, part: Part, hosts: Sequence[Host]) -> Placed | None:
        for host in hosts:
            cached = self._desk.uploads.claim(
                part.key.upload, host.identity, rows=_rows(part), shared=part.key.purpose.shared
            )
            if cached is None:
                continue
            fresh = self._fresh(cached, host)
            if fresh is not None and self._is_there(part, cached, fresh=fresh, host=host):
                self._keep(part, replace(cached, hosted=fresh))
                return Placed(fresh, host, ())
            self._desk.uploads.drop(part.key.upload, host.identity)
        return None

    def _keep(self, part: Part, cached: CachedUpload) -> None:
        self._desk.uploads.keep(
            cached,
            source_digest=part.key.source,
            rows=_rows(part),
            shared=part.key.purpose.shared,
        )

    def _fresh(self, cached: CachedUpload, host: Host) -> HostedFile | None:
        """A link that lives long enough, signed anew where that is possible."""
        until = self._desk.clock.now() + LEAST_LIFE_S
        hosted = cached.hosted
        if hosted.url and (hosted.expires_at is None or hosted.expires_at > until):
            return hosted
        return host.sign(hosted.handle) if hosted.handle else None

    def _is_there(self, part: Part, cached: CachedUpload, *, fresh: HostedFile, host: Host) -> bool:
        try:
            prove_readable(
                fresh.url,
                transport=self._desk.transport,
                rule=host.rule,
                expected=Expected(
                    cached.size_bytes,
                    cached.first_bytes,
                    may_be_unreachable=host.may_be_unreachable,
                ),
                kind="picture" if isinstance(part.medium, PictureCharacter) else "clip",
                stop=part.stop,
            )
        except HostingError as error:
            report(error)
            return False
        return True

    def _encode(self, work: _Work) -> None:
        self._show(work.part, "encoding")
        if isinstance(work.part.medium, PictureCharacter):
            self._encode_picture(work, work.part.medium)
        elif isinstance(work.part.medium, (FramesClip, FileClip)):
            self._encode_clip(work, work.part.medium)
            _raise_if_changed(work.part)
        self._run("upload", work.part, lambda: self._upload(work), folder=work.folder)

    def _encode_picture(self, work: _Work, medium: PictureCharacter) -> None:
        if not work.part.key.purpose.shared:
            work.thumbnail = work.folder / "thumbnail.jpg"
            write_thumbnail(medium, work.thumbnail)
        if work.found is not None:
            return
        limit = min(PICTURE_LIMIT_BYTES, *(host.limit_bytes for host in work.hosts))
        encoded = encode_picture(medium.image, mask=medium.mask, limit_bytes=limit)
        file = work.folder / f"picture{encoded.extension}"
        file.write_bytes(encoded.data)
        work.warnings += encoded.warnings
        work.file = Upload(file, encoded.extension, "picture")

    def _encode_clip(self, work: _Work, medium: FramesClip | FileClip) -> None:
        part, purpose = work.part, work.part.key.purpose
        if purpose.keep_sound and not purpose.shared:
            sound = work.folder / "sound.m4a"
            work.sound = sound if save_sound(medium, sound, stop=part.stop) else None
        if work.found is not None:
            return
        limit = min(CLIP_LIMIT_BYTES, max(host.limit_bytes for host in work.hosts))
        options = EncodeOptions(
            max_pixels=PIXELS.get(purpose.resolution),
            limit_bytes=limit,
            keep_sound=purpose.keep_sound,
        )
        encoded = encode_clip(
            medium,
            work.folder / "clip.mp4",
            options=options,
            stop=part.stop,
            progress=lambda done, total: self._show(part, "encoding", done=done, total=total),
        )
        work.clip_s = encoded.duration_s
        work.warnings += encoded.warnings
        work.file = Upload(encoded.path, ".mp4", "clip")

    def _upload(self, work: _Work) -> None:
        """Put the file there, prove it, and hand the part over before its files go."""
        part = work.part
        try:
            placed = work.found or self._put(work)
            cached = self._desk.uploads.find(part.key.upload, placed.hosted.host)
            self._end(
                part,
                Hosted(
                    placed.hosted.url,
                    upload=(part.key.upload, placed.hosted.host),
                    expires_at=placed.hosted.expires_at,
                    proved_at=self._desk.clock.now(),
                    clip_s=cached.clip_s if cached else work.clip_s,
                    sound=work.sound,
                    thumbnail=work.thumbnail,
                    warnings=(*work.warnings, *placed.warnings),
                ),
            )
        finally:
            shutil.rmtree(work.folder, ignore_errors=True)

    def _put(self, work: _Work) -> Placed:
        part, file = work.part, work.file
        assert file is not None  # noqa: S101 - encoded in the stage before
        self._show(part, "uploading")
        placed = place(
            self._hosts(part),  # encoding may take long, and the owner may have taken one away
            file,
            transport=self._desk.transport,
            progress=lambda done, total: self._show(part, "uploading", done=done, total=total),
            stop=part.stop,
        )
        expected = Expected.of(file.file)
        cached = CachedUpload(
            part.key.upload,
            placed.hosted,
            size_bytes=expected.size_bytes,
            first_bytes=expected.first_bytes[:FIRST_BYTES],
            clip_s=work.clip_s,
        )
        self._keep(part, cached)
        return placed


def _rows(part: Part) -> list[int]:
    """The tasks that wait for a part; a node that only wants a link has a number below 0."""
    return [number for number in list(part.wanted_by) if number > 0]


def _raise_if_left(part: Part) -> None:
    if part.stop.is_set():
        raise Stopped("The upload was stopped before it finished. Run again.")


def _raise_if_changed(part: Part) -> None:
    """What goes up must be what was asked for, and a file may be written anew in between.

    Raises:
        InputError: The file is no longer the one that was identified.
    """
    medium = part.medium
    if not isinstance(medium, FileClip) or not isinstance(medium.source, Path):
        return
    keep_sound = part.key.purpose.keep_sound
    if clip_digest(medium, keep_sound=keep_sound, stop=part.stop) != part.key.source:
        raise InputError(
            f"The clip {medium.source.name} was changed while it was being prepared, so it is no "
            "longer what was asked for; nothing was submitted. Run again."
        )


def length_of(transport: Transport, url: str, rule: AddressRule, *, stop: Event) -> float | None:
    """Seconds of a foreign clip whose header stands first; None where it does not.

    Raises:
        TransportError: It cannot be read.
        InputError: The address is not allowed.
        Stopped: `stop` was set.
    """
    head = transport.probe(url, rule=rule, first_bytes=_HEAD_BYTES, stop=stop).first
    try:
        return probe(BytesIO(head)).duration_s
    except MediaError:
        return None
