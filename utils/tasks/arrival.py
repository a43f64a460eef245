"""One result on its way to disk, over as many links and turns as it takes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..errors import TransportError
from ..transport import Partial
from .desk import Desk
from .job import Job
from .result_file import room_for
from .turns import FIRST_TURN_S, GaveWayError, Turn


class Arrival:
    """What has come of one result, and how it goes on.

    Args:
        desk: The tools.
        job: The row, whose progress is shown.
    """

    def __init__(self, desk: Desk, job: Job) -> None:
        self._desk = desk
        self._job = job
        self._part: Path | None = None
        self._so_far = Partial()
        self._turn_s = FIRST_TURN_S

    @property
    def received(self) -> int:
        """Bytes from which a later link can go on; 0 where none can."""
        return self._so_far.received if self._so_far.resumable else 0

    def bring(self, url: str, part: Path) -> str:
        """Bring the file to its place; what an earlier link has brought there counts.

        Where it fails, only what a later link can go on from stays.

        Returns:
            What its host calls it, as in `video/mp4`.

        Raises:
            GaveWayError: It is slow, and others wait.
            WanAnimateError, OSError: As `Transport.download`.
        """
        if part != self._part:
            self.discard()
            self._part = part
        goes_on = False
        self._job.show("downloading")
        try:
            media_type = self._download(url, part)
            goes_on = True
        except (TransportError, GaveWayError) as error:
            goes_on = self._so_far.resumable
            if isinstance(error, GaveWayError):
                self._turn_s *= 2
            raise
        finally:
            if not goes_on:
                self.discard()
        return media_type

    def discard(self) -> None:
        """Remove what has come."""
        self._so_far = Partial()
        if self._part is not None:
            with suppress(OSError):
                self._part.unlink(missing_ok=True)

    def _download(self, url: str, part: Path) -> str:
        desk, so_far = self._desk, self._so_far
        turn = Turn(
            desk.clock,
            limit_s=self._turn_s,
            is_wanted=lambda: so_far.resumable and desk.pool.waiting("fetch") > 0,
        )

        def progress(done: int, total: int | None) -> None:
            self._job.show("downloading", done=done, total=total)
            turn.look(done)

        return desk.transport.download(
            url,
            part,
            limit_bytes=room_for(part.parent, held_bytes=so_far.received),
            rule=desk.remotes.rule(practice=self._job.row.practice),
            progress=progress,
            stop=desk.stopping,
            so_far=so_far,
        )
