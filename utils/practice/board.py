"""The tasks that the practice service knows, and what it tells of them."""

from __future__ import annotations

import json
import secrets
import threading
from dataclasses import dataclass
from typing import Any

from .orders import Order

PENDING = "pending"
PROCESSING = "processing"
SUCCESS = "success"
FAILED = "failed"

TASK_PREFIX = "practice-"
"""Every task id begins with it."""

_MOST_TASKS = 20_000


@dataclass
class PracticeTask:
    """One task, from its submit on; changed by the board only."""

    task_id: str
    order: Order
    create_time_ms: int
    state: str = PENDING
    complete_time_ms: int = 0
    result: str = ""
    links_at_ms: int = 0
    fail_code: str = ""
    fail_message: str = ""
    polls: int = 0
    served: bool = False

    @property
    def ended(self) -> bool:
        """Whether its last word is spoken."""
        return self.state in (SUCCESS, FAILED)


class Board:
    """All tasks of one practice service, in memory."""

    def __init__(self) -> None:
        self._tasks: dict[str, PracticeTask] = {}
        self._unfinished = 0
        self._lock = threading.Lock()

    def add(self, order: Order, *, now_ms: int, most_unfinished: int) -> PracticeTask | None:
        """A new task, or None when too many are under way."""
        with self._lock:
            if self._unfinished >= most_unfinished:
                return None
            task = PracticeTask(f"{TASK_PREFIX}{secrets.token_hex(12)}", order, now_ms)
            self._tasks[task.task_id] = task
            self._unfinished += 1
            self._forget_oldest()
            return task

    def get(self, task_id: str) -> PracticeTask | None:
        """The task of this id."""
        return self._tasks.get(task_id)

    def all(self) -> list[PracticeTask]:
        """Every task, oldest first."""
        with self._lock:
            return list(self._tasks.values())

    def begin(self, task: PracticeTask) -> None:
        """It is being worked on."""
        task.state = PROCESSING

    def succeed(self, task: PracticeTask, result: str, *, now_ms: int) -> None:
        """It has a result, the file of this name."""
        with self._lock:
            task.result = result
            task.complete_time_ms = now_ms
            task.links_at_ms = now_ms + round(task.order.wishes.late_s * 1000)
            task.state = SUCCESS
            self._unfinished -= 1

    def fail(self, task: PracticeTask, code: str, message: str, *, now_ms: int) -> None:
        """There will be no result."""
        with self._lock:
            task.fail_code = code
            task.fail_message = message
            task.complete_time_ms = now_ms
            task.state = FAILED
            self._unfinished -= 1

    def _forget_oldest(self) -> None:
        if len(self._tasks) <= _MOST_TASKS:
            return
        ended = [task.task_id for task in self._tasks.values() if task.ended]
        for task_id in ended[: _MOST_TASKS // 10]:
            del self._tasks[task_id]


def envelope(data: object = None, *, code: int = 200, message: str = "success") -> dict[str, Any]:
    """What every answer is wrapped in."""
    return {"code": code, "message": message, "data": data}


def tell(task: PracticeTask, *, origin: str, now_ms: int) -> dict[str, Any]:
    """The `data` of a status answer."""
    data: dict[str, Any] = {
        "taskId": task.task_id,
        "state": task.state,
        "createTime": task.create_time_ms,
    }
    if task.ended:
        data["completeTime"] = task.complete_time_ms
        data["costTime"] = task.complete_time_ms - task.create_time_ms
    if task.state == SUCCESS:
        there = now_ms >= task.links_at_ms
        urls = [f"{origin}/files/{task.result}"] if there else []
        data["resultJson"] = json.dumps({"resultUrls": urls})
    if task.state == FAILED:
        data["failCode"] = task.fail_code
        data["failMsg"] = task.fail_message
    return data


def tell_oddly(task: PracticeTask, *, origin: str, now_ms: int) -> dict[str, Any] | None:
    """The same in the odd ways of docs/service.md, "Answers", one by one, then the truth."""
    data = tell(task, origin=origin, now_ms=now_ms)
    task.polls += 1
    if task.polls == 1:
        return None
    if not task.ended:
        data["state"] = ("PENDING", "processing_r2", "warming_up")[task.polls % 3]
    elif task.state == SUCCESS:
        data["state"] = "SUCCESS"
        if task.polls <= 3:
            data["resultJson"] = ""
        else:
            data["resultJson"] = json.loads(data["resultJson"])
    return data
