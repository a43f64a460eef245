"""What was uploaded where, so that the same bytes are not sent twice; and whose links are ours.

A signed link is never written down: only the handle from which its host signs a new one.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..addresses import is_plain
from ..clock import Clock
from ..hosting.host import HostedFile
from .database import Database
from .fingerprint import link_digest

FIRST_BYTES = 64
"""So much of each upload is kept, to prove that a link still gives the same file."""

_LINKS_KEPT_S = 30 * 86_400.0


@dataclass(frozen=True)
class Shelved:
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


class UploadShelf:
    """The uploads of this installation.

    Args:
        database: The ledger's own.
        clock: Gives the times that are written.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._links: dict[tuple[str, str], HostedFile] = {}

    def find(self, digest: str, host: str) -> Shelved | None:
        """The upload of these bytes on this host, or None."""
        with self._database.read() as db:
            found = db.execute(
                "SELECT * FROM uploads WHERE digest = ? AND host = ?", (digest, host)
            ).fetchone()
        if found is None:
            return None
        hosted = self._links.get((digest, host)) or HostedFile(
            url=found["url"],
            expires_at=found["expires_at"],
            host=host,
            handle=found["handle"],
        )
        return Shelved(digest, hosted, found["size_bytes"], found["first_bytes"], found["clip_s"])

    def keep(self, shelved: Shelved, *, source_digest: str, shared: bool = False) -> None:
        """Note an upload, or a new link to it.

        Args:
            shelved: The upload.
            source_digest: Digest of the medium, which stands for the link in fingerprints.
            shared: A node gave the link away, so the file is never deleted by us.
        """
        hosted = shelved.hosted
        self._links[shelved.digest, hosted.host] = hosted
        url = hosted.url if is_plain(hosted.url) else ""
        with self._database.write() as db:
            db.execute(
                "INSERT INTO uploads (digest, host, handle, url, expires_at, size_bytes, "
                "first_bytes, clip_s, made_at, shared) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (digest, host) DO UPDATE SET handle = excluded.handle, "
                "url = excluded.url, expires_at = excluded.expires_at, "
                "shared = max(shared, excluded.shared)",
                (
                    shelved.digest,
                    hosted.host,
                    hosted.handle,
                    url,
                    hosted.expires_at,
                    shelved.size_bytes,
                    shelved.first_bytes,
                    shelved.clip_s,
                    self._clock.now(),
                    int(shared),
                ),
            )
            db.execute(
                "INSERT OR REPLACE INTO links (url_digest, digest, clip_s, made_at) "
                "VALUES (?, ?, ?, ?)",
                (link_digest(hosted.url), source_digest, shelved.clip_s, self._clock.now()),
            )

    def drop(self, digest: str, host: str) -> None:
        """Forget an upload that is no longer there."""
        self._links.pop((digest, host), None)
        with self._database.write() as db:
            db.execute("DELETE FROM uploads WHERE digest = ? AND host = ?", (digest, host))

    def behind(self, url: str) -> tuple[str, float | None] | None:
        """Digest and length of the medium behind a link of ours; None for a foreign one."""
        with self._database.read() as db:
            found = db.execute(
                "SELECT digest, clip_s FROM links WHERE url_digest = ?", (link_digest(url),)
            ).fetchone()
        return (found["digest"], found["clip_s"]) if found else None

    def need(self, row_id: int, uploads: list[tuple[str, str]]) -> None:
        """Note that a task needs uploads until it has ended."""
        with self._database.write() as db:
            db.executemany(
                "INSERT OR IGNORE INTO needs (row_id, digest, host) VALUES (?, ?, ?)",
                [(row_id, *upload) for upload in uploads],
            )

    def needless(self, hosts: set[str]) -> list[Shelved]:
        """Uploads on some hosts whose tasks have all ended, and that no node gave away."""
        with self._database.write() as db:
            found = db.execute(
                "SELECT DISTINCT digest, host FROM needs WHERE NOT EXISTS ("
                "SELECT 1 FROM needs AS other JOIN tasks ON tasks.id = other.row_id "
                "WHERE other.digest = needs.digest AND other.host = needs.host AND tasks.state IN "
                "('preparing', 'sending', 'submitted', 'running', 'succeeded', 'unknown'))"
            ).fetchall()
            freed = [(row["digest"], row["host"]) for row in found]
            db.executemany("DELETE FROM needs WHERE digest = ? AND host = ?", freed)
            shared = {
                (row["digest"], row["host"])
                for row in db.execute("SELECT digest, host FROM uploads WHERE shared = 1")
            }
        wanted = [key for key in freed if key not in shared and key[1] in hosts]
        return [found for key in wanted if (found := self.find(*key)) is not None]

    def sweep(self) -> None:
        """Forget links of long ago."""
        with self._database.write() as db:
            db.execute("DELETE FROM links WHERE made_at < ?", (self._clock.now() - _LINKS_KEPT_S,))
