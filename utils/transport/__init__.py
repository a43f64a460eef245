"""The only room that talks HTTP: every request of the pack leaves through its `Transport`."""

from .client import Probe, Reply, Transport
from .download import Downloaded, DownloadProgress, RefusedLinkError, TooLargeError

__all__ = [
    "DownloadProgress",
    "Downloaded",
    "Probe",
    "RefusedLinkError",
    "Reply",
    "TooLargeError",
    "Transport",
]
