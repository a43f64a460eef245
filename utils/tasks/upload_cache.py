"""What was uploaded where, so that the same bytes are not sent twice; and whose links are ours.

A signed link is never written down: only the handle from which its host signs a new one.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..addresses import is_plain
from ..clock import Clock
from ..hosting.host import HostedFile
from ..ledger.database import Database
from .fingerprint import link_digest

FIRST_BYTES = 64
"""So much of each upload is kept, to prove that a link still gives the same file."""

_LINKS_REMEMBERED = 500
"""In memory, about a kilobyte each; of those beyond, only what nothing else can replace."""

_LINKS_KEPT_S = 366 * 86_400.0
"""A workflow that holds a link of ours is the same request months later, too."""


@dataclass(frozen=True)
class CachedUpload:
    """One upload.

    Attributes:
        digest: Of the source and of how it was encoded.
        hosted: Where it lies; its `url` is "" where only the host can give a new link.
        clip_s: Length of a clip in seconds, or None.
    """

    digest: str
    hosted: HostedFile
    size_bytes: int
    first_bytes: bytes
    clip_s: float | None = None


@dataclass(frozen=True)
class _Known:
    """A link that this process made.

    Attributes:
        made_at: When, by the wall clock.
        began: When, by the steady one.
    """

    hosted: HostedFile
    made_at: float
    began: float

    def is_replaceable(self, clock: Clock) -> bool:
        """Whether it is dead, can be signed anew, or stands in the ledger and lives for ever."""
        hosted = self.hosted
        if hosted.handle:
            return True
        if hosted.expires_at is None:
            return is_plain(hosted.url)
        return hosted.expires_at <= clock.now()  # also by the ledger, which knows no steady clock

    def as_now(self, clock: Clock) -> HostedFile:
        """The link, which does not live longer because a clock was set back."""
        if self.hosted.expires_at is None:
            return self.hosted
        left_s = self.hosted.expires_at - self.made_at - (clock.monotonic() - self.began)
        return replace(self.hosted, expires_at=min(self.hosted.expires_at, clock.now() + left_s))


class UploadCache:
    """The uploads of this installation.

    Args:
        database: The ledger's own.
        clock: Gives the times that are written.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._links: dict[tuple[str, str], _Known] = {}
        self._remembering = threading.Lock()

    def find(self, digest: str, host: str) -> CachedUpload | None:
        """The upload of these bytes on this host, or None."""
        with self._database.read() as db:
            found = db.execute(
                "SELECT * FROM uploads WHERE digest = ? AND host = ?", (digest, host)
            ).fetchone()
        return self._read(found) if found is not None else None

    def claim(
        self, digest: str, host: str, *, rows: Iterable[int], shared: bool
    ) -> CachedUpload | None:
        """The upload of these bytes on this host, or None; from now on nobody deletes it.

        Args:
            digest: Of the source and of how it was encoded.
            host: Identity of the host.
            rows: Tasks that need it until they have ended.
            shared: A node will give the link away, so the file is never deleted by us.
        """
        with self._database.write() as db:
            found = db.execute(
                "SELECT * FROM uploads WHERE digest = ? AND host = ?", (digest, host)
            ).fetchone()
            if found is None:
                return None
            if shared:
                db.execute(
                    "UPDATE uploads SET shared = 1 WHERE digest = ? AND host = ?", (digest, host)
                )
            _need(db, [(row_id, digest, host) for row_id in rows])
        return self._read(found)

    def _read(self, found: sqlite3.Row) -> CachedUpload:
        digest, host = found["digest"], found["host"]
        known = self._links.get((digest, host))
        if known is not None:
            hosted = known.as_now(self._clock)
        else:
            # A link that is not made yet comes from before the clock was set back: it is dead.
            unborn = found["expires_at"] is not None and found["made_at"] > self._clock.now()
            hosted = HostedFile(
                url=found["url"],
                expires_at=0.0 if unborn else found["expires_at"],
                host=host,
                handle=found["handle"],
            )
        return CachedUpload(
            digest, hosted, found["size_bytes"], found["first_bytes"], found["clip_s"]
        )

    def keep(
        self,
        cached: CachedUpload,
        *,
        source_digest: str,
        rows: Iterable[int] = (),
        shared: bool = False,
    ) -> None:
        """Note an upload, or a new link to it.

        Args:
            cached: The upload.
            source_digest: Digest of the medium, which stands for the link in fingerprints.
            rows: Tasks that need it until they have ended.
            shared: A node gave the link away, so the file is never deleted by us.
        """
        hosted = cached.hosted
        self._remember(cached.digest, hosted)
        # Some links are signed in their path: one that its host can sign anew is not kept.
        renewable = bool(hosted.handle) and hosted.expires_at is not None
        url = hosted.url if is_plain(hosted.url) and not renewable else ""
        with self._database.write() as db:
            db.execute(
                "INSERT INTO uploads (digest, host, handle, url, expires_at, size_bytes, "
                "first_bytes, clip_s, made_at, shared) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (digest, host) DO UPDATE SET handle = excluded.handle, "
                "url = excluded.url, expires_at = excluded.expires_at, "
                "size_bytes = excluded.size_bytes, first_bytes = excluded.first_bytes, "
                "clip_s = excluded.clip_s, made_at = excluded.made_at, "
                "shared = max(shared, excluded.shared)",
                (
                    cached.digest,
                    hosted.host,
                    hosted.handle,
                    url,
                    hosted.expires_at,
                    cached.size_bytes,
                    cached.first_bytes,
                    cached.clip_s,
                    self._clock.now(),
                    int(shared),
                ),
            )
            db.execute(
                "INSERT OR REPLACE INTO links (url_digest, digest, clip_s, made_at) "
                "VALUES (?, ?, ?, ?)",
                (link_digest(hosted.url), source_digest, cached.clip_s, self._clock.now()),
            )
            _need(db, [(row_id, cached.digest, hosted.host) for row_id in rows])

    def _remember(self, digest: str, hosted: HostedFile) -> None:
        """Keep a link in memory, in the place of those that were made longest ago."""
        known = _Known(hosted, self._clock.now(), self._clock.monotonic())
        with self._remembering:
            self._links.pop((digest, hosted.host), None)
            self._links[digest, hosted.host] = known
            surplus = len(self._links) - _LINKS_REMEMBERED
            if surplus > 0:
                known_all = self._links.items()
                spare = [upload for upload, one in known_all if one.is_replaceable(self._clock)]
                for upload in spare[:surplus]:
                    del self._links[upload]

    def _forget(self, uploads: Iterable[tuple[str, str]]) -> None:
        with self._remembering:
            for upload in uploads:
                self._links.pop(upload, None)

    def drop(self, digest: str, host: str) -> None:
        """Forget an upload that is no longer there."""
        self._forget([(digest, host)])
        with self._database.write() as db:
            db.execute("DELETE FROM uploads WHERE digest = ? AND host = ?", (digest, host))

    def behind(self, url: str) -> tuple[str, float | None] | None:
        """Digest and length of the medium behind a link of ours; None for a foreign one."""
        with self._database.read() as db:
            found = db.execute(
                "SELECT digest, clip_s FROM links WHERE url_digest = ?", (link_digest(url),)
            ).fetchone()
        return (found["digest"], found["clip_s"]) if found else None

    def need(self, row_id: int, uploads: list[tuple[str, str]]) -> bool:
        """Note that a task needs uploads until it has ended; False when one is gone already."""
        with self._database.write() as db:
            _need(db, [(row_id, *upload) for upload in uploads])
            there = [
                db.execute("SELECT 1 FROM uploads WHERE digest = ? AND host = ?", upload).fetchone()
                for upload in uploads
            ]
            return all(there)

    def take_needless(self, hosts: set[str]) -> list[CachedUpload]:
        """Take out the uploads that no unfinished or unknown task needs, to be deleted.

        Whoever claims one first keeps it; whoever comes later does not find it any more.

        Args:
            hosts: Identities of the hosts that can delete.
        """
        places = ", ".join("?" * len(hosts))
        with self._database.write() as db:
            found = db.execute(
                f"SELECT * FROM uploads WHERE shared = 0 AND host IN ({places}) "  # noqa: S608
                "AND NOT EXISTS (SELECT 1 FROM needs JOIN tasks ON tasks.id = needs.row_id "
                "WHERE needs.digest = uploads.digest AND needs.host = uploads.host "
                "AND tasks.state IN "
                "('preparing', 'sending', 'submitted', 'running', 'succeeded', 'unknown'))",
                tuple(hosts),
            ).fetchall()
            freed = [(row["digest"], row["host"]) for row in found]
            db.executemany("DELETE FROM uploads WHERE digest = ? AND host = ?", freed)
            db.executemany("DELETE FROM needs WHERE digest = ? AND host = ?", freed)
        taken = [self._read(row) for row in found]
        self._forget(freed)
        return taken

    def sweep(self) -> None:
        """Forget links of long ago."""
        with self._database.write() as db:
            db.execute("DELETE FROM links WHERE made_at < ?", (self._clock.now() - _LINKS_KEPT_S,))


def _need(db: sqlite3.Connection, needs: list[tuple[int, str, str]]) -> None:
    """Part of a transaction: rows that need an upload on a host."""
    db.executemany("INSERT OR IGNORE INTO needs (row_id, digest, host) VALUES (?, ?, ?)", needs)
