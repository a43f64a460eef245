"""One task as the ledger knows it."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field, fields
from typing import Any

from .states import State

PRACTICE_ORIGIN = "practice"
"""Stands for the practice service, whose port changes with every start."""


@dataclass(frozen=True)
class NewTask:
    """What is written when a request is met for the first time.

    Attributes:
        origin: Origin of the service, or `PRACTICE_ORIGIN`.
        practice: Whether the practice service does it.
        fingerprint: What identifies the request; "" for a task that was only typed in.
        kind: "animate" or "replace"; "" where it is not known.
        prompt: As it is sent.
        character: Digest or plain address of the character; "" where it is not known.
        motion: The same of the motion.
        clip_s: Length of the motion in seconds, or None.
        billable_s: Seconds that are billed, or None.
        token_digest: Digest of the token in this row's callback address; "" without one.
    """

    origin: str
    practice: bool
    fingerprint: str = ""
    kind: str = ""
    resolution: str = ""
    prompt: str = ""
    seed: int = 0
    provider: str = ""
    character: str = ""
    motion: str = ""
    keep_sound: bool = True
    clip_s: float | None = None
    billable_s: int | None = None
    token_digest: str = ""


@dataclass(frozen=True)
class TaskRow:
    """One row of the ledger; times are Unix seconds, `*_ms` are the service's own.

    Attributes:
        id: The row's number, by which a person names it.
        revision: Grows with each change of any row; a page asks for what is newer.
        owner: The process that works on it; "" when nobody does.
        tag: Random letters that make the file's name unique.
        key_mark: Tells the key that submitted it from others; "" where nobody knows.
        missing_at: When the service first said that it knows no such task, or None.
        candidate: A task id that a callback named and that is not yet proved.
        sound: Name of the sound file beside the ledger that may have to be put back.
        thumbnail: Name of the character's small picture beside the ledger.
        result_urls: Links of the result that carry no signature.
        file: The result, relative to the output folder; "" while there is none.
        note: What the user should know of it, in a sentence.
    """

    id: int
    revision: int
    state: State
    origin: str
    practice: bool
    fingerprint: str
    task_id: str
    owner: str
    tag: str
    kind: str
    resolution: str
    prompt: str
    seed: int
    provider: str
    character: str
    motion: str
    keep_sound: bool
    clip_s: float | None
    billable_s: int | None
    token_digest: str
    key_mark: str
    created_at: float
    sending_at: float | None
    submitted_at: float | None
    succeeded_at: float | None
    finished_at: float | None
    missing_at: float | None
    candidate: str
    sound: str
    thumbnail: str
    file: str
    fail_code: str
    fail_message: str
    create_ms: int | None
    complete_ms: int | None
    cost_ms: int | None
    note: str
    result_urls: tuple[str, ...] = field(default=())

    @property
    def short_id(self) -> str:
        """The end of the task id, in letters that every file system takes."""
        kept = "".join(c for c in self.task_id if c.isascii() and c.isalnum())
        return kept[-8:] or "task"


_NAMES = tuple(f.name for f in fields(TaskRow))
_BOOLEANS = frozenset({"practice", "keep_sound"})


def read_row(found: sqlite3.Row) -> TaskRow:
    """One row of the table as a `TaskRow`."""
    values: dict[str, Any] = {name: found[name] for name in _NAMES}
    values["state"] = State(values["state"])
    urls = values["result_urls"]
    values["result_urls"] = () if urls == "[]" else tuple(json.loads(urls))
    for name in _BOOLEANS:
        values[name] = bool(values[name])
    return TaskRow(**values)
