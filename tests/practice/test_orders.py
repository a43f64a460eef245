"""The body of a submit is checked as strictly as it is documented."""

from __future__ import annotations

import json

import pytest
from apixo_wan_animate.utils.practice.orders import OrderError, read_order

GOOD = {
    "input": {
        "mode": "standard",
        "type": "animate",
        "image_urls": ["https://a.example/p/c.PNG?sig=1"],
        "video_urls": ["http://a.example/m.m4v"],
    }
}
LEFT_OUT = object()


def changed(path, value):
    body = json.loads(json.dumps(GOOD))
    *folders, last = path.split(".")
    target = body
    for folder in folders:
        target = target[folder]
    if value is LEFT_OUT:
        del target[last]
    else:
        target[last] = value
    return json.dumps(body).encode()


def test_the_shortest_submit_gets_the_documented_defaults():
    order = read_order(json.dumps(GOOD).encode())
    found = (order.type, order.resolution, order.seed, order.provider, order.callback_url)
    assert found == ("animate", "480p", -1, "auto", "")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("input.prompt", "walks in the rain"),
        ("input.resolution", "720p"),
        ("input.seed", 0),
        ("input.seed", 2147483647),
        ("provider", "official"),
        ("request_type", "async"),
        ("input.image_urls", ["https://a.example/c.webp"]),
        ("input.video_urls", ["https://a.example/c.MOV"]),
    ],
)
def test_what_is_documented_is_taken(path, value):
    read_order(changed(path, value))


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("surprise", 1, "unknown field 'surprise'"),
        ("input.negative_prompt", "x", "unknown field 'negative_prompt'"),
        ("input", LEFT_OUT, "input must be an object"),
        ("input", [], "input must be an object"),
        ("input.mode", LEFT_OUT, "input.mode"),
        ("input.mode", "pro", "mode must be one of"),
        ("input.type", LEFT_OUT, "type must be one of"),
        ("input.type", "Replace", "type must be one of"),
        ("input.resolution", "1080p", "resolution must be one of"),
        ("input.resolution", 480, "resolution must be one of"),
        ("input.prompt", "", "prompt must be a text"),
        ("input.prompt", "  ", "prompt must be a text"),
        ("input.prompt", None, "prompt must be a text"),
        ("input.seed", -2, "seed must be"),
        ("input.seed", 2147483648, "seed must be"),
        ("input.seed", 1.0, "seed must be"),
        ("input.seed", True, "seed must be"),
        ("input.seed", "7", "seed must be"),
        ("input.image_urls", LEFT_OUT, "exactly one URL"),
        ("input.image_urls", "https://a.example/c.png", "exactly one URL"),
        ("input.image_urls", [], "exactly one URL"),
        ("input.image_urls", ["https://a.example/1.png"] * 2, "exactly one URL"),
        ("input.image_urls", [None], "must hold a text"),
        ("input.image_urls", ["https://a.example/c.gif"], "must end in"),
        ("input.image_urls", ["https://a.example/c"], "must end in"),
        ("input.image_urls", ["https://a.example/c?name=c.png"], "must end in"),
        ("input.image_urls", ["data:image/png;base64,AAAA"], "http or https"),
        ("input.image_urls", ["file:///etc/c.png"], "http or https"),
        ("input.image_urls", ["https:///c.png"], "http or https"),
        ("input.image_urls", ["https://a.example/ü.png"], "plain ASCII"),
        ("input.image_urls", ["https://a.example/a b.png"], "plain ASCII"),
        ("input.image_urls", ["https://[::1/c.png"], "not a URL"),
        ("input.video_urls", ["https://a.example/c.webm"], "must end in"),
        ("input.video_urls", ["https://a.example/c.png"], "must end in"),
        ("provider", "cheapest", "provider must be one of"),
        ("request_type", "sync", "request_type must be one of"),
        ("request_type", "callback", "callback_url is required"),
        ("callback_url", "", "callback_url"),
        ("callback_url", "http://a.example/hook", "https"),
        ("input.prompt", "practice:dance", "practice:dance is not known"),
        ("input.prompt", "practice:slow soon", "wants seconds"),
    ],
)
def test_what_is_not_documented_is_refused(path, value, why):
    with pytest.raises(OrderError, match=why):
        read_order(changed(path, value))


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff", b'"x"', b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(text):
    with pytest.raises(OrderError):
        read_order(text)


@pytest.mark.parametrize(
    "url", ["https://a.example/hook/t0ken", "http://127.0.0.1:8188/hook", "http://localhost:1/h"]
)
def test_a_callback_needs_https_or_this_machine(url):
    text = json.dumps(GOOD | {"request_type": "callback", "callback_url": url}).encode()
    assert read_order(text).callback_url == url
