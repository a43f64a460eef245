"""Prompts that the practice service obeys, so that people can try their graph's behaviour.

| prompt | what happens |
|---|---|
| `practice:slow SECONDS` | the task is under way for so long |
| `practice:fail CODE [message]` | the task fails with this fail code |
| `practice:credit` | the submit is refused: no credit left (402) |
| `practice:busy N` | the submit is refused N times with 429 and `Retry-After: 1`, then accepted |
| `practice:refuse STATUS [message]` | the submit is answered with this HTTP status |
| `practice:lost` | the submit is accepted, but its answer never arrives |
| `practice:silent` | the result has no sound, as that of the open model |
| `practice:late SECONDS` | `success` is told this long before the links are there |
| `practice:cut` | the first download of the result stops half way |
| `practice:gone` | the result's link answers 404 |
| `practice:odd` | the status is told in every odd way that was met in the wild |

Several can stand in one prompt, with `;` between them:
`practice:slow 20; practice:fail CONTENT_VIOLATION a reason`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

_PREFIX = "practice:"
_LONGEST_S = 86_400.0


class PromptError(Exception):
    """A practice command that does not exist or has a wrong value."""


@dataclass(frozen=True)
class Wishes:
    """What a prompt asks the practice service to do."""

    slow_s: float = 0.0
    late_s: float = 0.0
    fail_code: str = ""
    fail_message: str = ""
    busy_times: int = 0
    refuse_status: int = 0
    refuse_message: str = ""
    lost: bool = False
    silent: bool = False
    cut: bool = False
    gone: bool = False
    odd: bool = False


_SWITCHES = ("lost", "silent", "cut", "gone", "odd")


def read_wishes(prompt: str) -> Wishes:
    """Read the commands in a prompt; any other text asks for nothing.

    Raises:
        PromptError: A part begins with `practice:` and is no command.
    """
    wishes = Wishes()
    for part in prompt.split(";"):
        text = part.strip()
        if text.lower().startswith(_PREFIX):
            wishes = _add(wishes, text[len(_PREFIX) :].strip())
    return wishes


def _add(wishes: Wishes, command: str) -> Wishes:
    word, _, rest = command.partition(" ")
    word, rest = word.lower(), rest.strip()
    if word in _SWITCHES:
        return replace(wishes, **{word: True})
    if word == "slow":
        return replace(wishes, slow_s=_seconds(word, rest))
    if word == "late":
        return replace(wishes, late_s=_seconds(word, rest))
    if word == "credit":
        message = "Insufficient credits (practice)"
        return replace(wishes, refuse_status=402, refuse_message=message)
    if word == "busy":
        return replace(wishes, busy_times=_whole(word, rest, least=1, most=100))
    first, _, message = rest.partition(" ")
    if word == "fail":
        code = first or "GENERATION_FAILED"
        return replace(
            wishes, fail_code=code, fail_message=message.strip() or "Asked for by the prompt"
        )
    if word == "refuse":
        status = _whole(word, first, least=400, most=599)
        message = message.strip() or "Asked for by the prompt"
        return replace(wishes, refuse_status=status, refuse_message=message)
    known = "slow, fail, credit, busy, refuse, late, " + ", ".join(_SWITCHES)
    raise PromptError(f"practice:{word} is not known; there are {known}")


def _seconds(word: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= _LONGEST_S:
        raise PromptError(f"practice:{word} wants seconds from 0 to {_LONGEST_S:.0f}")
    return value


def _whole(word: str, text: str, *, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise PromptError(f"practice:{word} wants a number from {least} to {most}")
    return int(text)
