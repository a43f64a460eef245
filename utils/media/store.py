"""One array for all frames, filled by a thread of its own while the decoder runs ahead."""

from __future__ import annotations

from functools import partial
from queue import Queue
from threading import Thread
from types import TracebackType

import torch
from av.video.frame import VideoFrame
from torch import Tensor

from ..errors import MemoryShortError
from .framememory import FrameMemory
from .geometry import Geometry
from .memory import Reservation, free_bytes
from .planes import Converter, write_unit
from .types import Size

_AHEAD = 4
_CHANNELS = 3
_FLOAT_BYTES = 4


def bytes_of(count: int, geometry: Geometry) -> int:
    """What `count` frames take."""
    return count * geometry.size.height * geometry.size.width * _CHANNELS * _FLOAT_BYTES


class FrameStore:
    """Frames in memory once.

    Args:
        count: How many there will be.
        geometry: How each is turned and scaled.
        reservation: Told of what has been filled.
    """

    def __init__(self, count: int, *, geometry: Geometry, reservation: Reservation) -> None:
        self._geometry = geometry
        self._reservation = reservation
        self._converter = Converter()
        self._memory = allocate(count, geometry)
        self._queue: Queue[tuple[VideoFrame, int, int] | None] = Queue(_AHEAD)
        self._error: BaseException | None = None
        self._thread = Thread(target=self._work, name="apixo-frames", daemon=True)

    def __enter__(self) -> FrameStore:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._queue.put(None)
        self._thread.join()
        # kept, its traceback would keep the frames that this store holds
        failure, self._error = self._error, None
        try:
            if failure is not None and error is None:
                raise failure
        finally:
            del failure

    def put(self, frame: VideoFrame, first: int, count: int) -> None:
        """Hand over a decoded frame for `count` places from `first` on; waits for room."""
        if self._error is not None:
            raise self._error
        self._queue.put((frame, first, count))

    def tensor(self, count: int) -> Tensor:
        """The first `count` frames, without a copy; only after the store was left."""
        return torch.from_numpy(self._memory.array[:count])

    def _work(self) -> None:
        while True:
            item = self._queue.get()
            if item is None:
                return
            if self._error is not None:
                continue
            try:
                self._write(*item)
            except Exception as error:  # noqa: BLE001 - the top of a thread; raised by put or exit
                self._error = error

    def _write(self, frame: VideoFrame, first: int, count: int) -> None:
        if self._geometry.keeps(Size(frame.width, frame.height)):
            self._converter.write_unit(frame, partial(self._memory.rows, first))
        else:
            shown = self._geometry.apply(self._converter.to_rgb(frame))
            write_unit(shown, self._memory.rows(first))
        slot = self._memory.array[first]
        for place in range(first + 1, first + count):
            self._memory.rows(place)[:] = slot
        self._reservation.filled(count * slot.nbytes)


def allocate(count: int, geometry: Geometry) -> FrameMemory:
    """One array of unwritten frames.

    Raises:
        MemoryShortError: The system refuses so much.
    """
    try:
        return FrameMemory.floats((count, geometry.size.height, geometry.size.width, _CHANNELS))
    except MemoryError as error:
        needed, free = bytes_of(count, geometry), free_bytes()
        message = (
            f"The system refused {needed / 1e9:.1f} GB for {count} frames. "
            "Take fewer or smaller frames."
        )
        raise MemoryShortError(message, needed_bytes=needed, free_bytes=free) from error
