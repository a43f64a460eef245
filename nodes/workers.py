"""The threads beside ComfyUI's loop: each kind of work has its own, so that it waits for no other.

A test of the public address reads a published file, so that it would wait for ever if it could
take the last thread that gives one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


class Workers:
    """Threads for one kind of work; they start with the first of it.

    Args:
        name: What they do; seen in the names of the threads.
        most: How many at once.
    """

    def __init__(self, name: str, *, most: int) -> None:
        self._threads = ThreadPoolExecutor(most, thread_name_prefix=f"apixo-{name}")

    async def run(self, work: Callable[[], Result]) -> Result:
        """Run what may wait for a disk or a network, and await it."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def submit(self, work: Callable[..., Result], *inputs: Any) -> Future[Result]:
        """Run it without waiting for it."""
        return self._threads.submit(work, *inputs)


# Of the routes

PUBLISHED = Workers("published", most=4)
"""Files that the service reads: it gives up on a task when they do not come."""

CALLBACKS = Workers("callbacks", most=2)
READING = Workers("reading", most=3)
"""The ledger as the tasks panel shows it."""

DECIDING = Workers("deciding", most=2)
"""What a person decides about a task; the service may be asked about it."""

SETTINGS = Workers("settings", most=2)
KEYS = Workers("keys", most=2)
"""The service is asked whether a key works."""

HOSTS = Workers("hosts", most=2)
"""A test of a host, and the answer to a second one that there is one."""

# Of the nodes

DECODING = Workers("decoding", most=2)
"""Each takes every core and much memory."""

DOWNLOADS = Workers("downloads", most=4)
QUESTIONS = Workers("questions", most=4)
"""Balances and estimates."""
