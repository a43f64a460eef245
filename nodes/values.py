"""Values of widgets as the graph hands them over: a link can bring anything into any of them."""

from __future__ import annotations

from ..utils.errors import InputError, spelled

_MOST = 2**31 - 1


def text_of(value: object, name: str) -> str:
    """A text without the space around it; "" where nothing was given.

    Raises:
        InputError: It is no text.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(
            f"{name} is “{spelled(value)}”, which is not text. Type it in, or wire in a node that "
            "gives a STRING."
        )
    return value.strip()


def word_of(value: object, name: str, known: tuple[str, ...]) -> str:
    """One of a few words.

    Raises:
        InputError: It is none of them.
    """
    if not isinstance(value, str) or value not in known:
        raise InputError(f"{name} is “{spelled(value)}”. Choose one of: {', '.join(known)}.")
    return value


def is_whole(value: object, *, least: int) -> bool:
    """Whether it is a whole number from `least` on, and none that is only meant to break things."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= _MOST
