"""The three calls of the service."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from blake3 import blake3

from ..errors import ProtocolError, TransportError
from ..settings import Secret
from ..transport import Reply, Transport
from .envelope import not_documented, repeats
from .replies import TaskStatus, read_balance, read_status, read_task_id
from .request import MODEL, Submission
from .task_ids import check_task_id, named_task_id

__all__ = ["ApixoClient", "check_task_id"]

_SUBMIT_LIMIT_S = 120.0
"""Longer than the service ever needs: an answer that comes late is better than an open fate."""

_STATUS_LIMIT_S = 20.0
_REPLY_LIMIT_BYTES = 1024 * 1024


class ApixoClient:
    """The service as one key sees it; every method blocks, and may be called from any thread.

    Args:
        transport: Talks HTTP.
        base_url: Where the service is.
        key: Sent to that origin and to no other.
    """

    def __init__(self, transport: Transport, *, base_url: str, key: Secret) -> None:
        self._transport = transport
        self._key = key
        self._base_url = f"{base_url.rstrip('/')}/api/v1"
        self._headers = {
            "Authorization": f"Bearer {key.reveal()}",
            "Accept": "application/json",
        }

    @property
    def key_mark(self) -> str:
        """Tells this key from others, and says nothing of it."""
        return blake3(b"apixo wan animate key 1" + self._key.reveal().encode()).hexdigest()[:8]

    def submit(self, submission: Submission) -> str:
        """Submit a task, once: over a fresh connection, without redirects or repeats.

        Returns:
            The task's id.

        Raises:
            NotSentError: The connection was never made; nothing was submitted.
            RateLimitError: Refused outright, to be tried again (429).
            AuthError: Refused outright (401, 403).
            CreditError: Refused outright (402).
            RejectedError: Refused outright (another 4xx that says so).
            TransportError: The answer was lost; it may have been accepted.
            ServerError: Trouble there (5xx, a redirect, 408 …); it may have been accepted.
            ProtocolError: An answer that is no plain yes with an id; it may have been accepted,
                and where the answer names a task all the same, the error has it.
        """
        try:
            reply = self._transport.post_once(
                f"{self._base_url}/generateTask/{MODEL}",
                headers=self._headers,
                json_body=submission.body(),
                timeout_s=_SUBMIT_LIMIT_S,
                limit_bytes=_REPLY_LIMIT_BYTES,
            )
        except TransportError as error:
            named = named_task_id(error.received)
            if named is None or repeats(self._key, named):
                raise
            raise _broken_but_named(named) from error
        return read_task_id(self._marked(reply))

    def status(self, task_id: str) -> TaskStatus:
        """Ask how far a task is.

        Raises:
            InputError: The id cannot be one.
            ServiceError: An error reply; `RejectedError` with 404 for a task it does not know.
            ProtocolError: An answer that is not as documented.
            TransportError: No usable answer.
        """
        reply = self._transport.get(
            f"{self._base_url}/statusTask/{MODEL}",
            headers=self._headers,
            params={"taskId": check_task_id(task_id)},
            timeout_s=_STATUS_LIMIT_S,
            limit_bytes=_REPLY_LIMIT_BYTES,
        )
        status = read_status(self._marked(reply))
        if status.task_id and status.task_id.casefold() != task_id.casefold():
            raise not_documented(self._marked(reply), "is about another task")
        return status

    def balance(self) -> Decimal:
        """US dollars that are left; also the cheapest check that a key works.

        Raises:
            ServiceError: An error reply; `AuthError` for a key that does not work.
            ProtocolError: An answer that is not as documented.
            TransportError: No usable answer.
        """
        reply = self._transport.get(
            f"{self._base_url}/apikeys/current-balance",
            headers=self._headers,
            timeout_s=_STATUS_LIMIT_S,
            limit_bytes=_REPLY_LIMIT_BYTES,
        )
        return read_balance(self._marked(reply))

    def _marked(self, reply: Reply) -> Reply:
        """The reply with the key that it may repeat, so that its words are shown without it."""
        return replace(reply, secret=self._key)


def _broken_but_named(task_id: str) -> ProtocolError:
    return ProtocolError(
        f"APIXO's answer to the submit broke off, but it names task {task_id}. "
        "APIXO is asked about that task; if it is not found, look in APIXO's dashboard.",
        task_id=task_id,
    )
