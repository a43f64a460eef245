"""What memory is really free, and who has spoken for it.

Frames are large and several results may be decoded at once, so whoever is about to allocate
reserves first. A reservation counts until its pages are filled: from then on the operating
system counts them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import psutil

from ..errors import MemoryShortError

# Left to ComfyUI, the system and the decoder's own buffers.
MARGIN_BYTES = 384 << 20
_ROOT = Path("/")

_lock = Lock()
_reserved: set[Reservation] = set()


class Reservation:
    """Memory spoken for and not filled yet."""

    def __init__(self, needed_bytes: int) -> None:
        self._outstanding_bytes = needed_bytes

    @property
    def outstanding_bytes(self) -> int:
        """What is still to be filled."""
        return self._outstanding_bytes

    def filled(self, size_bytes: int) -> None:
        """Say that `size_bytes` more have been written: the system counts them now."""
        self._outstanding_bytes = max(0, self._outstanding_bytes - size_bytes)


def free_bytes() -> int:
    """What one more allocation may take: the least that any limit leaves, reservations off."""
    with _lock:
        return _free_bytes()


def reserved_bytes() -> int:
    """What is spoken for and not filled yet, by everybody in this process."""
    with _lock:
        return sum(reservation.outstanding_bytes for reservation in _reserved)


@contextmanager
def reserve(needed_bytes: int, *, what: str = "The frames") -> Generator[Reservation, None, None]:
    """Speak for memory while it is being filled.

    Args:
        needed_bytes: What will be allocated.
        what: The subject of the error's first sentence, capitalised, plural.

    Yields:
        The reservation, to be told of what is filled.

    Raises:
        MemoryShortError: It does not fit. Nothing is reserved then.
    """
    reservation = Reservation(needed_bytes)
    with _lock:
        free = _free_bytes()
        if needed_bytes > free:
            raise _short(needed_bytes, free, what=what)
        _reserved.add(reservation)
    try:
        yield reservation
    finally:
        with _lock:
            _reserved.discard(reservation)


def gigabytes(size_bytes: int) -> str:
    """A size as people read it, in units of 10⁹ bytes."""
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 10**8 else f"{size_bytes / 1e6:.0f} MB"


def _short(needed: int, free: int, *, what: str) -> MemoryShortError:
    advice = (
        f"Take fewer or smaller frames, so that they fit in {gigabytes(free)}, or free up "
        f"{gigabytes(needed - free)} more."
    )
    message = f"{what} need {gigabytes(needed)} of memory and {gigabytes(free)} is free. {advice}"
    return MemoryShortError(message, needed_bytes=needed, free_bytes=free)


def _free_bytes() -> int:
    outstanding = sum(reservation.outstanding_bytes for reservation in _reserved)
    free = min([psutil.virtual_memory().available, *_group_rooms(_ROOT)])
    return max(0, free - MARGIN_BYTES - outstanding)


def _group_rooms(root: Path) -> Iterator[int]:
    """Yield what each control group of this process leaves, own group first, then its parents."""
    for version, group in _groups(root):
        base = root / "sys/fs/cgroup" / ("" if version == 2 else "memory")
        folder = base / group.strip("/")
        # A container often sees its own group mounted as the root: the path is then not there.
        for place in {folder, *folder.parents, base}:
            if place == base or base in place.parents:
                room = _room(place, version)
                if room is not None:
                    yield room


def _groups(root: Path) -> list[tuple[int, str]]:
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except (OSError, ValueError):
        return []
    found: list[tuple[int, str]] = []
    for line in lines:
        number, names, group = [*line.split(":", 2), "", ""][:3]
        if number == "0" and not names:
            found.append((2, group))
        elif "memory" in names.split(","):
            found.append((1, group))
    return found


def _room(folder: Path, version: int) -> int | None:
    names = {
        1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        2: ("memory.max", "memory.current", "inactive_file"),
    }
    limit_name, usage_name, cache_name = names[version]
    limit, usage = _number(folder / limit_name), _number(folder / usage_name)
    if limit is None or usage is None:
        return None
    return max(0, limit - max(0, usage - _stat(folder / "memory.stat", cache_name)))


def _number(file: Path) -> int | None:
    """The number in a file; None where there is none, as in "max"."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _stat(file: Path, name: str) -> int:
    """One row of a group's statistics: cache that the kernel gives back when asked."""
    try:
        rows = dict(line.split(" ", 1) for line in file.read_text().splitlines() if " " in line)
        return int(rows.get(name, 0))
    except (OSError, ValueError):
        return 0
