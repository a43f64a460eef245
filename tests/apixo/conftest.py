"""The client of the service, and a raw server on loopback in the service's place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from apixo_wan_animate.utils.apixo.client import ApixoClient
from apixo_wan_animate.utils.apixo.request import Submission, WanOptions
from apixo_wan_animate.utils.clock import SystemClock
from apixo_wan_animate.utils.setting_values import Secret
from apixo_wan_animate.utils.transport import Transport
from rawserver import RawServer, Script, answering, reply_bytes

KEY = "sk-test-0123456789abcdef"


class Service:
    """What answers in the service's place, and the client that asks it."""

    def __init__(self) -> None:
        self._servers: list[RawServer] = []
        self._transport = Transport(SystemClock())

    def speaks(self, script: Script) -> ApixoClient:
        """A client of a server that does what the script says."""
        self._servers.append(RawServer(script))
        origin = self._servers[-1].origin
        return ApixoClient(self._transport, base_url=origin, key=Secret(KEY))

    def answers(self, *bodies: object, status: int = 200, **headers: str) -> ApixoClient:
        """A client of a server that gives one answer after the other; no bytes mean JSON."""
        contents = [b if isinstance(b, bytes) else json.dumps(b).encode() for b in bodies]
        return self.speaks(answering(*(reply_bytes(status, c, **headers) for c in contents)))

    def succeeds(self, data: object) -> ApixoClient:
        """A client of a server whose every answer says success."""
        return self.answers({"code": 200, "message": "success", "data": data})

    @property
    def server(self) -> RawServer:
        return self._servers[-1]

    def close(self) -> None:
        for server in self._servers:
            server.close()


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.close()


@pytest.fixture
def submission() -> Submission:
    return Submission(
        WanOptions(type="animate", resolution="720p", prompt=" a fox ", seed=7),
        image_url="https://cdn.example/fox.png",
        video_url="https://cdn.example/walk.mp4",
    )


@pytest.fixture
def submitting(service: Service, submission: Submission) -> Callable[..., str]:
    """Submits once to a server that gives this answer."""

    def submit(body: object, *, status: int = 200, **headers: str) -> str:
        return service.answers(body, status=status, **headers).submit(submission)

    return submit
