"""Every failure a user can meet, one class for each way a caller acts on it.

A message has two sentences: what happened, and what to do. It never holds the key, a signed
URL or a whole reply.
"""

from __future__ import annotations

_HUGE_BITS = 256


def spelled(value: object, *, most: int = 40) -> str:
    """A value as a message may show it: short, in one line, with nothing a console refuses."""
    if isinstance(value, int) and value.bit_length() > _HUGE_BITS:
        text = "a huge number"  # Python refuses to spell one of thousands of digits
    elif value is None or isinstance(value, (str, int, float)):
        text = str(value)
    else:
        text = type(value).__name__
    return "".join(c if c.isprintable() else " " for c in text[:most]).strip()


class WanAnimateError(Exception):
    """Base of every error of this pack; never raised itself."""


class SettingsError(WanAnimateError):
    """The key, a host or a folder is missing or malformed."""


class InputError(WanAnimateError):
    """Refused by us before anything was sent."""


class LimitError(WanAnimateError):
    """The user's own daily limit of billable seconds would be passed."""


class Stopped(WanAnimateError):  # noqa: N818 - a wish of the user, not a failure
    """The user cancelled."""


class HostingError(WanAnimateError):
    """A file could not be put, or not be read back, at a URL."""


class TransportError(WanAnimateError):
    """No usable reply: reset, timed out, cut short. The request may have arrived.

    Attributes:
        received: What had come of the reply's body; to be read by who asked, and shown to nobody.
    """

    received: bytes = b""


class NotSentError(TransportError):
    """The connection was never made, so the request cannot have arrived."""


class ServiceError(WanAnimateError):
    """An error reply of the service.

    Attributes:
        status: HTTP status, or the envelope's code where HTTP said 200.
        code: The service's own code, as it was sent; "" where there is none.
    """

    def __init__(self, message: str, *, status: int, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class AuthError(ServiceError):
    """401 or 403: the key is missing, wrong or not permitted."""


class CreditError(ServiceError):
    """402: no money left."""


class RateLimitError(ServiceError):
    """429: refused outright, to be tried again later.

    Attributes:
        retry_after_s: What the service asked for, or None.
    """

    def __init__(self, message: str, *, code: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, status=429, code=code)
        self.retry_after_s = retry_after_s


class RejectedError(ServiceError):
    """Another 4xx: the request itself was refused; nothing was accepted."""


class ServerError(ServiceError):
    """5xx, or any other reply that leaves the fate of the request open."""


class ProtocolError(WanAnimateError):
    """A reply that is not as documented.

    Attributes:
        excerpt: At most 200 characters of the reply, without links.
        task_id: The task that it names all the same, which is not proved; "" for none.
    """

    def __init__(self, message: str, *, excerpt: str = "", task_id: str = "") -> None:
        super().__init__(message)
        self.excerpt = excerpt
        self.task_id = task_id


class TaskError(WanAnimateError):
    """Something about one task.

    Attributes:
        task_id: The service's id, "" while there is none.
    """

    def __init__(self, message: str, *, task_id: str = "") -> None:
        super().__init__(message)
        self.task_id = task_id


class TaskFailedError(TaskError):
    """The service's word, or its silence for a day: there will be no result."""


class TaskTimeoutError(TaskError):
    """The node has watched as long as it may; the task goes on."""


class TaskUnknownError(TaskError):
    """A submit without an answer: only the user can say whether it arrived."""


class LedgerError(WanAnimateError):
    """The ledger cannot be opened, read or written."""


class MediaError(WanAnimateError):
    """Base of what goes wrong with pictures and clips."""


class DecodeError(MediaError):
    """A file cannot be read as the picture or clip it should be."""


class EncodeError(MediaError):
    """A picture or clip cannot be written in the form that is wanted."""


class MemoryShortError(MediaError):
    """The frames would not fit in the memory that is free.

    Attributes:
        needed_bytes: What the frames need.
        free_bytes: What is free, reservations of others taken off.
    """

    def __init__(self, message: str, *, needed_bytes: int, free_bytes: int) -> None:
        super().__init__(message)
        self.needed_bytes = needed_bytes
        self.free_bytes = free_bytes
