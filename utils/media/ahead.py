"""Work done ahead on a thread of its own, handed over in order."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")

_TICK_S = 0.1


class _End:
    """The last thing in the queue: how the work ended."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


@contextmanager
def ahead(
    items: Generator[Item, None, None], *, depth: int
) -> Generator[Iterator[Item], None, None]:
    """Run a generator on another thread, at most `depth` items before its consumer.

    Args:
        items: What is worked through and closed there.
        depth: How many finished items may wait.

    Yields:
        The same items in the same order; its error is raised where it would have been.
    """
    queue: Queue[Item | _End] = Queue(depth)
    done = Event()

    def put(item: Item | _End) -> bool:
        while not done.is_set():
            try:
                queue.put(item, timeout=_TICK_S)
            except Full:
                continue
            return True
        return False

    def work() -> None:
        error: BaseException | None = None
        try:
            with closing(items) as source:
                for item in source:
                    if not put(item):
                        return
        except BaseException as caught:  # noqa: BLE001 - carried to the consumer's thread
            error = caught
        try:
            put(_End(error))
        finally:
            del error  # its traceback names this frame: together they would outlive the work

    thread = Thread(target=work, name="apixo-ahead", daemon=True)
    thread.start()
    try:
        yield _drain(queue)
    finally:
        done.set()
        _empty(queue)
        thread.join()


def _drain(queue: Queue[Item | _End]) -> Iterator[Item]:
    while True:
        item = queue.get()
        if not isinstance(item, _End):
            yield item
            continue
        try:
            if item.error is not None:
                raise item.error
            return
        finally:
            del item  # as above


def _empty(queue: Queue[Item | _End]) -> None:
    """Wake a worker that waits for room."""
    try:
        while True:
            queue.get_nowait()
    except Empty:
        return
