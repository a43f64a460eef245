"""What the service is asked to do, and the body that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..errors import InputError, spelled

MODEL = "wan-2-2-animate"
"""As the addresses of the service name it."""

MAX_SEED = 2**31 - 1
"""Source: docs/service.md, "Body of the submit"."""

TYPES = ("animate", "replace")
RESOLUTIONS = ("480p", "720p")
PROVIDERS = ("key default", "auto", "value", "official")
KEY_DEFAULT = "key default"
"""Our word for leaving the routing to the settings of the key: nothing is sent."""

_LONGEST_PROMPT = 20_000


@dataclass(frozen=True)
class WanOptions:
    """Everything the service takes beside the media.

    Attributes:
        type: `animate`: the character follows the clip's motion; `replace`: the clip's person
            becomes the character.
        resolution: Of the result.
        prompt: Optional; blank is the same as none.
        seed: -1 lets the service choose, else 0…2147483647.
        provider: How the service routes the task.
    """

    type: Literal["animate", "replace"] = "replace"
    resolution: Literal["480p", "720p"] = "480p"
    prompt: str = ""
    seed: int = 0
    provider: Literal["key default", "auto", "value", "official"] = KEY_DEFAULT

    def check(self) -> None:
        """Refuse what the service documents as wrong.

        Raises:
            InputError: A value is out of its range.
        """
        _check_word("type", self.type, TYPES)
        _check_word("resolution", self.resolution, RESOLUTIONS)
        _check_word("provider", self.provider, PROVIDERS)
        _check_seed(self.seed)
        _check_prompt(self.prompt)


@dataclass(frozen=True)
class Submission:
    """One submit, with media that the service can read.

    Attributes:
        options: What it shall do.
        image_url: Where the character lies.
        video_url: Where the clip lies.
        callback_url: Where the service shall report, or None to be asked.
    """

    options: WanOptions
    image_url: str
    video_url: str
    callback_url: str | None = None

    def body(self) -> dict[str, Any]:
        """The body of the request; what is left to the service is left out."""
        options = self.options
        inner: dict[str, Any] = {
            "mode": "standard",
            "type": options.type,
            "image_urls": [self.image_url],
            "video_urls": [self.video_url],
            "resolution": options.resolution,
            "seed": options.seed,
        }
        if options.prompt.strip():
            inner["prompt"] = options.prompt.strip()
        body: dict[str, Any] = {"request_type": "async", "input": inner}
        if self.callback_url is not None:
            body |= {"request_type": "callback", "callback_url": self.callback_url}
        if options.provider != KEY_DEFAULT:
            body["provider"] = options.provider
        return body


def _check_word(name: str, word: object, known: tuple[str, ...]) -> None:
    if not isinstance(word, str) or word not in known:
        raise InputError(
            f"The {name} is “{spelled(word)}”, which the service does not know. "
            f"Choose one of: {', '.join(known)}."
        )


def _check_seed(seed: object) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int) or not -1 <= seed <= MAX_SEED:
        raise InputError(
            f"The seed is {spelled(seed)}; it must be a whole number from -1 to {MAX_SEED}. "
            "Use -1 to let the service choose."
        )


def _check_prompt(prompt: object) -> None:
    if not isinstance(prompt, str) or len(prompt) > _LONGEST_PROMPT:
        raise InputError(
            f"The prompt is not text of at most {_LONGEST_PROMPT} characters. Shorten it."
        )
    if any("\ud800" <= c <= "\udfff" for c in prompt):
        raise InputError(
            "The prompt contains characters that are not text (lone surrogates). Type it again."
        )
