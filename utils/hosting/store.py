"""An object store of the owner's own as a host: S3 and what speaks it, Google, Azure."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING
from urllib.parse import quote

from ..addresses import AddressRule
from ..clock import Clock
from ..errors import HostingError, Stopped, WanAnimateError
from .bucket import StoreAddress, endpoint_of, open_bucket, store_error
from .host import HostedFile, Progress, random_name

if TYPE_CHECKING:
    from .bucket import Bucket

LINK_LIFE_S = 24 * 3600
_LIMIT_BYTES = 5_000_000_000
_PART_BYTES = 5 * 1024**2
"""The smallest part that S3 takes, so progress is fine and memory small."""

_PARTS_AT_ONCE = 2
_PIECE_BYTES = 256 * 1024
_LOOK_S = 0.1


class StoreHost:
    """Uploads into a bucket and links to it by signed links or its public address.

    Args:
        address: As in `s3://bucket/prefix`.
        public_url: The public address of that bucket, "" for signed links.
        clock: Tells when links end.
        environ: The environment variables.
        rule: Which addresses may be read when a file is read back.

    Raises:
        SettingsError: The address or the endpoint is malformed.
    """

    name = "object store"
    limit_bytes = _LIMIT_BYTES
    may_be_unreachable = False
    notice = ""

    def __init__(
        self,
        address: StoreAddress,
        *,
        public_url: str,
        clock: Clock,
        rule: AddressRule,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._address = address
        self._public_url = public_url.rstrip("/")
        self._clock = clock
        self._environ = environ
        self._endpoint = endpoint_of(address, environ)
        self._opened: Bucket | None = None
        self.rule = rule

    @property
    def identity(self) -> str:
        """The bucket and the server it is on, and how links to it are made."""
        address = self._address
        place = f"{address.scheme}://{address.bucket}/{address.prefix}"
        return f"store {place} at {self._endpoint} {self._public_url}".rstrip()

    def put(
        self, file: Path, *, media_type: str, extension: str, progress: Progress, stop: Event
    ) -> HostedFile:
        """Upload a file under a random name, in parts where it is large.

        Raises:
            HostingError: The store refused it, or cannot be reached.
            SettingsError: Credentials are missing, or the library is.
            Stopped: `stop` was set; what had gone up is deleted.
        """
        key = self._address.key(random_name(extension))
        bucket = self._bucket()
        upload = _Upload(bucket, key, file=file, media_type=media_type)
        thread = Thread(target=upload.run, name="apixo-wan-store-upload", daemon=True)
        thread.start()
        while not upload.done.wait(_LOOK_S):
            progress(upload.surely_sent(), upload.size_bytes)
            if stop.is_set() and upload.abandon():
                raise Stopped("Stopped during an upload. Run again to continue.")
        if upload.error is not None:
            raise self._error(upload.error) from upload.error
        progress(upload.size_bytes, upload.size_bytes)
        return self.sign(key)

    def sign(self, handle: str) -> HostedFile:
        """A fresh link to an object; it need not be there.

        Raises:
            HostingError: These credentials cannot sign.
            SettingsError: Credentials are missing, or the library is.
        """
        if self._public_url:
            return HostedFile(f"{self._public_url}/{quote(handle)}", None, self.identity, handle)
        import obstore

        expires_at = self._clock.now() + LINK_LIFE_S
        try:
            life = timedelta(seconds=LINK_LIFE_S)
            url = obstore.sign(self._bucket(), "GET", handle, life)
        except obstore.exceptions.BaseError as error:
            raise self._error(error) from error
        return HostedFile(url, expires_at, self.identity, handle)

    def delete(self, hosted: HostedFile) -> None:
        """Delete an object; one that is gone already is fine.

        Raises:
            HostingError: The store refused it, or cannot be reached.
            SettingsError: Credentials are missing, or the library is.
        """
        bucket = self._bucket()
        import obstore

        try:
            obstore.delete(bucket, hosted.handle)
        except FileNotFoundError:
            return
        except obstore.exceptions.BaseError as error:
            raise self._error(error) from error

    def _bucket(self) -> Bucket:
        if self._opened is None:
            self._opened = open_bucket(self._address, self._environ)
        return self._opened

    def _error(self, error: Exception) -> WanAnimateError:
        if isinstance(error, WanAnimateError):
            return error
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            return HostingError(f"The file to upload cannot be read ({error.strerror}). Run again.")
        return store_error(error, self._address, self._environ)


class _Upload:
    """One upload in a thread of its own, since the library's call cannot be interrupted.

    Its file is read here piece by piece, so that stopping is felt at once: the next read raises,
    the library then aborts the parts that are there, and what had become whole is deleted.
    """

    def __init__(self, bucket: Bucket, key: str, *, file: Path, media_type: str) -> None:
        self.size_bytes = file.stat().st_size
        self.done = Event()
        self.error: Exception | None = None
        self._bucket = bucket
        self._key = key
        self._path = file
        self._attributes = {"Content-Type": media_type, "Cache-Control": "no-store"}
        self._guard = Lock()
        self._abandoned = self._whole = False
        self._handed_bytes = 0

    def run(self) -> None:
        """Upload to the end, and say how it went."""
        try:
            self._put()
        except Exception as error:  # noqa: BLE001 - the top of a thread; the caller raises it
            self.error = error
        finally:
            self.done.set()

    def surely_sent(self) -> int:
        """Bytes that have left: those read, but for the parts that may still be under way."""
        return max(0, self._handed_bytes - (_PARTS_AT_ONCE + 1) * _PART_BYTES)

    def abandon(self) -> bool:
        """Give up, unless it is whole already; the file is let go of before this returns."""
        with self._guard:
            self._abandoned = not self._whole
            return self._abandoned

    def _put(self) -> None:
        import obstore

        obstore.put(
            self._bucket,
            self._key,
            self._pieces(),
            attributes=self._attributes,
            use_multipart=self.size_bytes > _PART_BYTES,
            chunk_size=_PART_BYTES,
            max_concurrency=_PARTS_AT_ONCE,
        )
        with self._guard:
            self._whole = not self._abandoned
        if not self._whole:
            obstore.delete(self._bucket, self._key)

    def _pieces(self) -> Iterator[bytes]:
        """The file in pieces; opened for each read, so that stopping leaves no open file."""
        while self._handed_bytes < self.size_bytes:
            with self._guard:
                if self._abandoned:
                    raise Stopped("Stopped during an upload. Run again to continue.")
                piece = self._read()
            yield piece
            self._handed_bytes += len(piece)

    def _read(self) -> bytes:
        with self._path.open("rb") as file:
            file.seek(self._handed_bytes)
            piece = file.read(_PIECE_BYTES)
        if not piece:
            raise HostingError(
                f"The file shrank to {self._handed_bytes} of {self.size_bytes} bytes during the "
                "upload. Run again."
            )
        return piece
