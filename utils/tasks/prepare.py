"""From media to addresses that the service can read: looked up, encoded, uploaded, proved."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from ..billing import billable_seconds
from ..errors import HostingError
from ..replacing import replacing
from ..unexpected import as_ours, report
from .desk import SOUNDS, THUMBNAILS, Desk
from .fingerprint import link_digest
from .job import Job
from .making import PartMaker
from .parts import Hosted, Medium, Part, PartKey, PartTable, Purpose
from .request import UrlCharacter, UrlMotion
from .tidy import remove_beside


class Preparer:
    """Makes the parts of each job, those that several jobs want only once.

    Args:
        desk: The tools.
        ready: Called with a job whose media can all be read by the service.
    """

    def __init__(self, desk: Desk, *, ready: Callable[[Job], None]) -> None:
        self._desk = desk
        self._ready = ready
        self._table = PartTable()
        self._maker = PartMaker(desk, end=self._table.end)

    def add(self, job: Job, *, character: str, motion: str) -> None:
        """Begin with a job that is still preparing and has its request.

        Args:
            job: The job.
            character: Digest of the character; "" where it is a foreign address.
            motion: Digest of the motion; "" where it is a foreign address.
        """
        request = job.request
        if request is None:
            return
        purpose = Purpose(
            host=request.host,
            practice=job.row.practice,
            resolution=request.options.resolution,
            keep_sound=request.keep_sound,
        )
        media = ((request.character, character), (request.motion, motion))
        self._begin(job, [self._make(one, digest=its, purpose=purpose) for one, its in media])

    def renew(self, job: Job) -> None:
        """Look again for media that have waited until their links are about to die."""
        now = self._desk.clock.now()
        again, job.parts = [Part(old.key, old.medium, now=now) for old in job.parts], []
        self._begin(job, again)

    def _begin(self, job: Job, parts: list[Part]) -> None:
        for part in parts:
            job.parts.append(
                self._join(part, job.row.id, then=lambda ended: self._arrived(job, ended))
            )
        job.complete_parts()
        self._look(job)
        if job.stop.is_set():
            self.leave(job)

    def leave(self, job: Job) -> None:
        """A job has stopped: its parts stop too, unless others want them."""
        for part in list(job.parts):
            self._table.leave(part, job.row.id)

    def share(
        self,
        medium: Medium,
        number: int,
        *,
        digest: str,
        purpose: Purpose,
        then: Callable[[Part], None],
    ) -> Part:
        """Make one part for its own sake.

        Args:
            medium: What shall lie at an address.
            number: Stands for who wants it; below 0, since rows begin at 1.
            digest: Of the medium.
            purpose: Where it goes, and how.
            then: Called when it has come to an end.
        """
        return self._join(self._make(medium, digest=digest, purpose=purpose), number, then=then)

    def stop_sharing(self, part: Part, number: int) -> None:
        """Want a part no more."""
        self._table.leave(part, number)

    def _make(self, medium: Medium, *, digest: str, purpose: Purpose) -> Part:
        if isinstance(medium, (UrlCharacter, UrlMotion)):
            digest = link_digest(medium.url)
        return Part(PartKey.of(medium, digest, purpose), medium, now=self._desk.clock.now())

    def _join(self, part: Part, number: int, *, then: Callable[[Part], None]) -> Part:
        joined, mine = self._table.join(part, number, then=then)
        if mine:
            self._maker.begin(joined)
        return joined

    def _arrived(self, job: Job, part: Part) -> None:
        """One part has ended: keep its files before they go, and go on when it was the last."""
        try:
            if part.result is not None and not job.stop.is_set():
                self._keep(job, part.result)
        except Exception as error:  # noqa: BLE001 - without them the task still works
            report(error)
        job.keep(part)
        self._look(job)

    def _keep(self, job: Job, hosted: Hosted) -> None:
        """Keep what must outlive the part; the next part may take long."""
        if hosted.upload is not None:
            self._desk.uploads.need(job.row.id, [hosted.upload])
        state = self._desk.folders.state
        beside = [
            ("sound", hosted.sound, state / SOUNDS / f"{job.row.id}.m4a"),
            ("thumbnail", hosted.thumbnail, state / THUMBNAILS / f"{job.row.id}.jpg"),
        ]
        for column, source, target in beside:
            if source is not None:
                job.update(self._desk.ledger.note(job.row.id, **{column: target.name}))
                copy_whole(source, target)
        if job.stop.is_set():  # who dropped the row may have looked before they were there
            remove_beside(state, job.row)

    def _look(self, job: Job) -> None:
        """Go on when every part is kept; each of them calls it, and the last one counts."""
        if not job.take_prepared():
            return
        failed = next((part.error for part in job.parts if part.error is not None), None)
        try:
            if failed is None:
                self._note(job)
        except Exception as error:  # noqa: BLE001 - the top of this job's way in this thread
            failed = as_ours(error)
        if failed is None:
            self._ready(job)
        else:
            self._desk.drop(job)
            job.fail(failed)

    def _note(self, job: Job) -> None:
        """Write down what is known of the media now."""
        character, motion = (part.result for part in job.parts)
        if character is None or motion is None:
            return
        uploads = [hosted.upload for hosted in (character, motion) if hosted.upload is not None]
        if not self._desk.uploads.need(job.row.id, uploads):
            raise HostingError(
                "A file of this task was deleted at its host before it was submitted. Run again "
                "to upload it again."
            )
        changes = {
            "clip_s": motion.clip_s,
            "billable_s": None if motion.clip_s is None else billable_seconds(motion.clip_s),
        }
        job.warnings = character.warnings + motion.warnings
        job.update(self._desk.ledger.note(job.row.id, **changes))


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file so that it appears whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as part:
        shutil.copyfile(source, part)
