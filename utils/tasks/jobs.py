"""The jobs of this process, by row."""

from __future__ import annotations

import threading

from .job import Job


class JobTable:
    """Every row that this process works on, with its job."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[int, Job] = {}

    def get(self, row_id: int) -> Job | None:
        """The job of a row, or None."""
        with self._lock:
            return self._jobs.get(row_id)

    def add(self, job: Job) -> Job:
        """Put a job in; the one that is there already wins and is returned."""
        with self._lock:
            return self._jobs.setdefault(job.row.id, job)

    def remove(self, job: Job) -> bool:
        """Take a job out; whether it was there."""
        with self._lock:
            if self._jobs.get(job.row.id) is not job:
                return False
            del self._jobs[job.row.id]
            return True

    def all(self) -> list[Job]:
        """The jobs of now."""
        with self._lock:
            return list(self._jobs.values())
