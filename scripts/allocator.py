"""Memory that is measured from outside is what is in use: the allocator gives back the rest."""

from __future__ import annotations

import os

_GIVES_BACK = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "131072",
}


def give_back() -> None:
    """Tell glibc to return what is freed, in the child processes from now on.

    By itself it keeps some hundred megabytes for its threads to use again, more by the hour,
    and a leak would be lost in that.
    """
    os.environ.update(_GIVES_BACK)
