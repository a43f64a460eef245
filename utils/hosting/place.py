"""Put a file at the first host that takes it, and prove that it can be read there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from ..errors import HostingError, WanAnimateError
from ..transport import Transport
from .host import MEDIA_TYPES, Host, HostedFile, Kind, Progress
from .prove import Expected, prove_readable


@dataclass(frozen=True)
class Upload:
    """A file that shall go up.

    Attributes:
        file: What goes up, whole and unchanged; its name stays here.
        extension: Its true extension, as in ".mp4".
        kind: What it is.
    """

    file: Path
    extension: str
    kind: Kind


@dataclass(frozen=True)
class Placed:
    """A file that can be read at its address.

    Attributes:
        hosted: Where it lies.
        host: The host that took it.
        warnings: What the user should know, each one or two sentences.
    """

    hosted: HostedFile
    host: Host
    warnings: tuple[str, ...]


def place(
    hosts: Sequence[Host],
    upload: Upload,
    *,
    transport: Transport,
    progress: Progress,
    stop: Event,
) -> Placed:
    """Put a file at the first of these hosts that takes it and gives it back.

    Args:
        hosts: In the order in which they are tried; at least one.
        upload: What goes up.
        transport: Reads the link back.
        progress: Told bytes sent, and bytes in all; starts again at each host.
        stop: Ends it within a second.

    Raises:
        HostingError: None of them took it; says of each what it did.
        SettingsError: A host is not configured in full.
        Stopped: `stop` was set.
    """
    failures: list[HostingError] = []
    for host in hosts:
        try:
            return _place_at(host, upload, transport=transport, progress=progress, stop=stop)
        except HostingError as error:
            failures.append(error)
    if len(failures) == 1:
        raise failures[0]
    reasons = " ".join(f"{host.name}: {error}" for host, error in zip(hosts, failures, strict=True))
    message = f"None of {len(failures)} hosts accepted the file. {reasons}"
    raise HostingError(message) from failures[-1]


def _place_at(
    host: Host, upload: Upload, *, transport: Transport, progress: Progress, stop: Event
) -> Placed:
    expected = Expected.of(upload.file, may_be_unreachable=host.may_be_unreachable)
    if expected.size_bytes > host.limit_bytes:
        raise HostingError(
            f"The file is {expected.size_bytes / 1e6:.1f} MB; {host.name} takes at most "
            f"{host.limit_bytes / 1e6:.0f} MB. Shorten the clip, or choose another host."
        )
    hosted = host.put(
        upload.file,
        media_type=MEDIA_TYPES.get(upload.extension, ""),
        extension=upload.extension,
        progress=progress,
        stop=stop,
    )
    try:
        warnings = prove_readable(
            hosted.url,
            transport=transport,
            rule=host.rule,
            expected=expected,
            kind=upload.kind,
            stop=stop,
        )
    except WanAnimateError:
        with suppress(HostingError):  # what cannot be used shall not lie there either
            host.delete(hosted)
        raise
    notice = (host.notice,) if host.notice else ()
    return Placed(hosted, host, notice + warnings)
