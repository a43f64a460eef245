"""How soon a stop is felt."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from apixo_wan_animate.utils.errors import Stopped
from patience import until


def felt_after_s(
    act: Callable[[threading.Event], object],
    *,
    once: Callable[[], object],
    then_s: float = 0.0,
) -> float:
    """Press stop in the middle of something, and say how many seconds it went on.

    Args:
        act: What is stopped; gets the stop, and must end as what was stopped does.
        once: Stop is pressed when this is so,
        then_s: and so much later.
    """
    stop = threading.Event()
    pressed: list[float] = []

    def press() -> None:
        until(once)
        time.sleep(then_s)
        pressed.append(time.monotonic())
        stop.set()

    presser = threading.Thread(target=press)
    presser.start()
    with pytest.raises(Stopped):
        act(stop)
    took_s = time.monotonic() - pressed[0]
    presser.join()
    return took_s
