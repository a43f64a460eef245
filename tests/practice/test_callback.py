"""The envelope of a task that has ended is posted to whoever asked for it."""

from __future__ import annotations

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from apixo_wan_animate.utils.practice import making
from patience import until

from .caller import body


@pytest.fixture
def listener():
    """A place that is called back; the first answers are what `answers` holds, then 200."""
    heard, answers = queue.Queue(), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            text = self.rfile.read(int(self.headers["Content-Length"]))
            heard.put((self.path, json.loads(text)))
            self.send_response(answers.pop(0) if answers else 200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook/t0ken", heard, answers
    server.shutdown()
    thread.join()
    server.server_close()


def asked(url, prompt):
    return body(prompt=prompt) | {"request_type": "callback", "callback_url": url}


def test_a_failed_task_is_called_back_too(client, listener):
    url, heard, _ = listener
    reply = client.submit(asked(url, "practice:fail X"))
    path, envelope = heard.get(timeout=60)
    assert path == "/hook/t0ken"
    assert envelope["code"] == 200
    assert envelope["data"]["taskId"] == reply.json()["data"]["taskId"]
    assert envelope["data"]["state"] == "failed"


def test_a_lost_submit_is_called_back_all_the_same(client, listener):
    url, heard, _ = listener
    with pytest.raises(OSError):
        client.submit(asked(url, "practice:lost; practice:fail X"))
    _, envelope = heard.get(timeout=60)
    assert client.status(envelope["data"]["taskId"]).status_code == 200


def test_a_callback_that_is_not_heard_is_repeated_three_times(serve, listener, stepped):
    url, heard, answers = listener
    answers += [500] * 5
    client = serve(clock=stepped)
    client.submit(asked(url, "practice:fail X"))
    heard.get(timeout=90)
    for delay_s in making.CALLBACK_DELAYS_S:
        before = stepped.time

        def comes(step_s: float = delay_s / 10) -> bool:
            stepped.time += step_s
            return not heard.empty()

        until(comes)
        heard.get_nowait()
        assert stepped.time - before > delay_s * 0.99
    stepped.time += 1000
    with pytest.raises(queue.Empty):
        heard.get(timeout=0.1)


def test_without_the_wish_nobody_is_called(client, listener):
    url, heard, _ = listener
    wish = asked(url, "practice:fail X") | {"request_type": "async"}
    client.ended(client.submit(wish).json()["data"]["taskId"])
    with pytest.raises(queue.Empty):
        heard.get(timeout=0.1)
