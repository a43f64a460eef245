"""The only room that talks HTTP: every request of the pack leaves through its `Transport`."""

from .bodies import Form
from .client import Probe, Reply, Transport
from .download import DownloadProgress, Partial, RefusedLinkError, TooLargeError

__all__ = [
    "DownloadProgress",
    "Form",
    "Partial",
    "Probe",
    "RefusedLinkError",
    "Reply",
    "TooLargeError",
    "Transport",
]
