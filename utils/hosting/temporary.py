"""Temporary public hosts: anybody may upload, anybody with the link may read, nothing is deleted.

Used only where the owner of this installation has agreed (`choose.py`). What they answer is not
to be trusted: each link is read back before it is used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit, urlunsplit

from ..addresses import AddressRule, check_url
from ..clock import Clock
from ..errors import HostingError, InputError, TransportError
from ..transport import Form, Reply, Transport
from .host import HostedFile, Progress, random_name
from .sniff import sniff

_HOUR_S = 3600.0


@dataclass(frozen=True)
class TemporaryService:
    """What one of these hosts wants and gives.

    Attributes:
        key: Its name for `choose`.
        name: Its name for people.
        variable: The environment variable that overrides its address.
        base_url: Where it is.
        path: Where files go, below that.
        file_field: The form field of the file.
        limit_bytes: The largest file it takes.
        life_s: How long a link lives.
        read: Reads the link out of its answer; ValueError or LookupError where there is none.
        fields: Other form fields.
    """

    key: str
    name: str
    variable: str
    base_url: str
    path: str
    file_field: str
    limit_bytes: int
    life_s: float
    read: Callable[[str], str]
    fields: Mapping[str, str] = field(default_factory=dict[str, str])

    def address(self, environ: Mapping[str, str]) -> str:
        """Where it is, or where the environment says that it is."""
        return environ.get(self.variable, "").strip().rstrip("/") or self.base_url


def _plain_link(text: str) -> str:
    """The answer is the link and nothing else."""
    if not text.startswith("http") or any(c.isspace() for c in text):
        raise ValueError("no link")
    return text


def _uguu_link(text: str) -> str:
    return str(json.loads(text)["files"][0]["url"])


def _tmpfiles_link(text: str) -> str:
    """The link leads to a page; the file itself lies at the same path below /dl/."""
    parts = urlsplit(str(json.loads(text)["data"]["url"]))
    path = parts.path if parts.path.startswith("/dl/") else "/dl" + parts.path
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


TEMPORARY_SERVICES = (
    TemporaryService(
        key="litterbox",
        name="Litterbox",
        variable="APIXO_WAN_LITTERBOX_URL",
        base_url="https://litterbox.catbox.moe",
        path="/resources/internals/api.php",
        file_field="fileToUpload",
        fields={"reqtype": "fileupload", "time": "24h"},
        limit_bytes=1_000_000_000,
        life_s=24 * _HOUR_S,
        read=_plain_link,
    ),
    TemporaryService(
        key="uguu",
        name="Uguu",
        variable="APIXO_WAN_UGUU_URL",
        base_url="https://uguu.se",
        path="/upload",
        file_field="files[]",
        limit_bytes=128_000_000,
        life_s=3 * _HOUR_S,
        read=_uguu_link,
    ),
    TemporaryService(
        key="tmpfiles",
        name="tmpfiles.org",
        variable="APIXO_WAN_TMPFILES_URL",
        base_url="https://tmpfiles.org",
        path="/api/v1/upload",
        file_field="file",
        fields={"expire": "86400"},
        limit_bytes=100_000_000,
        life_s=24 * _HOUR_S,
        read=_tmpfiles_link,
    ),
)
"""In the order in which they are tried.

Source: litterbox.catbox.moe/tools.php, uguu.se/api and tmpfiles.org/api, as public
clients use them, read 2026-11-23. tmpfiles.org deletes after an hour unless `expire` is sent.
"""


class TemporaryHost:
    """One temporary public host."""

    def __init__(
        self,
        service: TemporaryService,
        *,
        base_url: str,
        transport: Transport,
        clock: Clock,
        rule: AddressRule,
    ) -> None:
        self._service = service
        self._base_url = base_url
        self._transport = transport
        self._clock = clock
        self.rule = rule
        self.name = service.name
        self.limit_bytes = service.limit_bytes
        self.identity = f"{service.key} {base_url}"
        self.may_be_unreachable = False
        self.notice = (
            f"This file goes to {service.name}, a public host for temporary files: anyone with "
            f"the link can read it until it expires ({service.life_s / _HOUR_S:g} hours), and it "
            "cannot be deleted earlier. Such hosts often refuse uploads from cloud machines."
        )

    def put(
        self, file: Path, *, media_type: str, extension: str, progress: Progress, stop: Event
    ) -> HostedFile:
        """Upload a file under a random name.

        Raises:
            HostingError: It was refused, cannot be reached, or what came back is no link.
            Stopped: `stop` was set.
        """
        expires_at = self._clock.now() + self._service.life_s
        name = random_name(extension)
        form = Form(self._service.file_field, name, media_type, self._service.fields)
        try:
            reply = self._transport.upload(
                self._base_url + self._service.path,
                file,
                form=form,
                progress=progress,
                stop=stop,
                rule=self.rule,
            )
        except TransportError as error:
            raise HostingError(
                f"{self.name} cannot be reached, or interrupted the upload. Try again later, or "
                "choose another host."
            ) from error
        return HostedFile(self._read_link(reply), expires_at, self.identity, "")

    def sign(self, handle: str) -> HostedFile | None:
        """These hosts give one link for good: None."""
        del handle

    def delete(self, hosted: HostedFile) -> None:
        """These hosts delete nothing on request."""

    def _read_link(self, reply: Reply) -> str:
        """The link in an answer; everything that is none is an error."""
        if reply.status in {401, 403, 429}:
            raise HostingError(
                f"{self.name} refused the upload ({reply.status}), as it often does from cloud "
                "machines and after many uploads. Choose another host, preferably an object "
                "store."
            )
        if reply.status == 413:
            raise HostingError(
                f"The file is too large for {self.name} (413). Shorten the clip, or choose "
                "another host."
            )
        if not 200 <= reply.status < 300:
            raise HostingError(
                f"{self.name} failed ({reply.status}). Try again later, or choose another host."
            )
        text = reply.body.decode("utf-8", "replace").strip()
        try:
            url = self._service.read(text)
            check_url(url, self.rule)
        except (ValueError, LookupError, TypeError, InputError) as error:
            page = "a web page" if sniff(reply.body) == "page" else "no link"
            seen = page if text else "nothing"
            raise HostingError(
                f"{self.name} accepted the upload, but answered with {seen} instead of a link. "
                "Try again later, or choose another host."
            ) from error
        return url
