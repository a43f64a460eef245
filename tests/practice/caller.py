"""A caller of the practice service that shares no code with the pack, and a clock to move."""

from __future__ import annotations

import json
import time
from threading import Event

import requests
from apixo_wan_animate.utils.practice import PracticeService

API = "/api/v1"
MODEL = "wan-2-2-animate"
KEY = {"Authorization": "Bearer practice"}


class SteppedClock:
    """A clock that the test moves; a wait only looks again soon."""

    def __init__(self):
        self.time = 1_800_000_000.0

    def now(self):
        return self.time

    def monotonic(self):
        return self.time

    def wait(self, stop: Event, delay_s: float) -> bool:
        return stop.wait(min(delay_s, 0.01))


class Client:
    """Speaks to a practice service as the pack would, without the pack's own code."""

    def __init__(self, service: PracticeService):
        self.service = service
        self.origin = service.origin
        self.http = requests.Session()

    def put(self, path, name=None):
        with path.open("rb") as file:
            reply = self.http.put(f"{self.origin}/upload/{name or path.name}", data=file)
        assert reply.status_code == 200, reply.text
        return reply.json()["url"]

    def submit(self, body, headers=KEY):
        url = f"{self.origin}{API}/generateTask/{MODEL}"
        return self.http.post(url, json=body, headers=headers)

    def status(self, task_id):
        url = f"{self.origin}{API}/statusTask/{MODEL}"
        return self.http.get(url, params={"taskId": task_id}, headers=KEY)

    def ended(self, task_id, limit_s=90.0):
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            data = self.status(task_id).json()["data"]
            if data["state"] in {"success", "failed"}:
                return data
            time.sleep(0.01)
        raise AssertionError(f"{task_id} did not end")

    def result(self, data):
        (url,) = json.loads(data["resultJson"])["resultUrls"]
        return url


def body(image="http://127.0.0.1:9/a.png", video="http://127.0.0.1:9/a.mp4", **given):
    """A submit that is right, with other fields where the test wants them."""
    inputs = {"mode": "standard", "type": "replace", "image_urls": [image], "video_urls": [video]}
    return {"input": inputs | given}
