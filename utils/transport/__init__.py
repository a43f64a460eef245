"""The only room that talks HTTP: every request of the pack leaves through its `Transport`."""

from .client import Probe, Reply, Transport
from .download import Downloaded, DownloadProgress, Partial, RefusedLinkError

__all__ = [
    "DownloadProgress",
    "Downloaded",
    "Partial",
    "Probe",
    "RefusedLinkError",
    "Reply",
    "Transport",
]
