"""How one setting is read from text: each reader returns a value, or says what to write.

Every reader takes the text and the name under which its message shall speak of it.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit

from .errors import SettingsError

DEFAULT_WAIT_MINUTES = 60.0
DEFAULT_OUTPUT = "wan_animate"


class Secret:
    """A text that neither `repr` nor `str` shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself; for the header of a request, and nothing else."""
        return self._text

    @property
    def tail(self) -> str:
        """The last four characters behind dots; only dots where the text is short."""
        return "…" + (self._text[-4:] if len(self._text) >= 16 else "")

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def parse_key(text: str) -> Secret:
    """Read an API key as it was pasted.

    Raises:
        SettingsError: It is blank, holds spaces, or is not plain ASCII.
    """
    stripped = text.strip()
    if not stripped:
        raise SettingsError("The APIXO key is blank. Paste the key from your APIXO dashboard.")
    if not stripped.isascii():
        raise SettingsError(
            "The APIXO key contains characters that are not plain ASCII. Copy it again from your "
            "APIXO dashboard, without quotation marks."
        )
    if any(c.isspace() or not c.isprintable() for c in stripped):
        raise SettingsError(
            "The APIXO key contains a space or a line break. Copy it again from your APIXO "
            "dashboard, in one piece."
        )
    return Secret(stripped)


def read_flag(text: str, name: str) -> bool:
    """Read a switch: 1 or 0, true or false, yes or no, on or off.

    Raises:
        SettingsError: The text is malformed.
    """
    word = text.strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"", "0", "false", "no", "off"}:
        return False
    raise SettingsError(f"{name} is “{text[:40]}”, which is neither on nor off. Set it to 1 or 0.")


def read_price(text: str, name: str) -> Decimal | None:
    """Read dollars a second; None where the text is blank.

    Raises:
        SettingsError: The text is malformed.
    """
    if not text.strip():
        return None
    try:
        price = Decimal(text.strip())
    except InvalidOperation as error:
        raise SettingsError(
            f"{name} is “{text[:40]}”, which is not a number. Enter dollars per second, such as "
            "0.05."
        ) from error
    if not (price.is_finite() and 0 <= price <= 1000):
        raise SettingsError(
            f"{name} is {text[:40]}; a price is between 0 and 1000 dollars per second. Correct it."
        )
    return price


def read_whole_seconds(text: str, name: str) -> int | None:
    """Read a limit in seconds; None where the text is blank.

    Raises:
        SettingsError: The text is malformed.
    """
    if not text.strip():
        return None
    if not text.strip().isascii() or not text.strip().isdigit() or len(text.strip()) > 9:
        raise SettingsError(
            f"{name} is “{text[:40]}”, which is not a whole number of seconds. Enter one, such as "
            "600, or leave it empty for no limit."
        )
    return int(text)


def read_minutes(text: str, name: str) -> float:
    """Read minutes to wait.

    Raises:
        SettingsError: The text is malformed.
    """
    try:
        minutes = float(text) if text.strip() else DEFAULT_WAIT_MINUTES
    except ValueError:
        minutes = -1.0
    if not 0.05 <= minutes <= 10_080:
        raise SettingsError(
            f"{name} is “{text[:40]}”; it must be from 0.05 to 10080 minutes (a week). "
            "Correct it, or leave it empty for 60."
        )
    return minutes


def read_web_address(text: str, name: str) -> str:
    """Read a plain http or https address, without its last slash; "" where blank.

    Raises:
        SettingsError: The text is malformed.
    """
    address = text.strip().rstrip("/")
    if not address:
        return ""
    try:
        parts = urlsplit(address)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not address.isascii() or "?" in address or "#" in address or "@" in address:
        raise SettingsError(
            f"{name} is not a plain web address. Write it like https://example.org, with https:// "
            "in front and without a question mark or a password."
        )
    return address


def read_confirmation(text: str, name: str) -> str:
    """Read for which public address the owner vouches: "" none, "1" the one that is set, or it.

    Raises:
        SettingsError: The text is malformed.
    """
    word = text.strip()
    if word.lower().startswith(("http://", "https://")):
        return read_web_address(word, name)
    return "1" if read_flag(word, name) else ""


def read_callback(text: str, name: str) -> str:
    """Read the callback mode: "" off, "1" on, or an https address of the user's own.

    Raises:
        SettingsError: The text is malformed.
    """
    word = text.strip()
    if word.lower() in {"", "0", "false", "no", "off"}:
        return ""
    if word.lower() in {"1", "true", "yes", "on"}:
        return "1"
    plain = word.isascii() and word.isprintable() and " " not in word
    if not word.startswith("https://") or not plain:
        raise SettingsError(f"{name} must be 1, 0 or an https:// address of your own. Correct it.")
    return word


def read_store(text: str, name: str) -> str:
    """Read the address of an object store; "" where blank.

    Raises:
        SettingsError: The text is malformed.
    """
    address = text.strip().rstrip("/")
    if not address:
        return ""
    scheme, found, rest = address.partition("://")
    named = scheme in {"s3", "gs", "az"} and rest and not rest.startswith("/")
    if not found or not named or not rest.isprintable():
        raise SettingsError(
            f"{name} is not the address of an object store. Write it like s3://bucket/prefix, "
            "gs://bucket/prefix or az://container/prefix."
        )
    return address


_WINDOWS_NAMES = {"con", "prn", "aux", "nul"} | {
    f"{name}{number}" for name in ("com", "lpt") for number in range(1, 10)
}


def read_subfolder(text: str, name: str) -> str:
    """Read a subfolder of the output folder that every system can hold.

    Raises:
        SettingsError: The text is malformed.
    """
    folder = text.strip().replace("\\", "/").strip("/") or DEFAULT_OUTPUT
    parts = folder.split("/")
    bad = any(
        part in {"", ".", ".."}
        or part.endswith((".", " "))
        or part.split(".")[0].lower() in _WINDOWS_NAMES
        or any(c in '<>:"|?*' or not c.isprintable() for c in part)
        for part in parts
    )
    if bad or len(folder) > 200 or text.strip().startswith(("/", "\\")):
        raise SettingsError(
            f"{name} must be a plain subfolder of ComfyUI's output folder. Use a name like "
            "wan_animate, without a drive, dots or a leading slash."
        )
    return folder
