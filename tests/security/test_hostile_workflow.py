"""A workflow of somebody else: whatever it holds ends in a sentence, and buys nothing."""

from __future__ import annotations

import asyncio
import re

import pytest
import torch
from apixo_wan_animate.nodes import _host as host
from apixo_wan_animate.nodes import session
from apixo_wan_animate.nodes.extension import NODES
from apixo_wan_animate.nodes.frames import ApixoLoadFrames
from apixo_wan_animate.nodes.submit import ApixoWanCollect
from apixo_wan_animate.nodes.uploads import ApixoUploadImage
from apixo_wan_animate.utils.apixo.request import WanOptions
from apixo_wan_animate.utils.errors import InputError, WanAnimateError
from apixo_wan_animate.utils.tasks.request import Request, UrlCharacter, UrlMotion
from practising import practising

PICTURE = torch.rand(1, 216, 208, 3)
FRAMES = torch.rand(3, 208, 224, 3)
MEDIA = {"character": PICTURE, "motion_frames": FRAMES, "image": PICTURE, "frames": FRAMES}
GOOD = {"frame_rate": 9.0}
"""What the defaults lack to be a whole request."""

IN_THE_PLACE_OF = {"character_url": "character", "motion_url": "motion_frames"}

MEGABYTE = "x" * 1_000_000
VALUES = {
    "nothing": None,
    "true": True,
    "not a number": float("nan"),
    "infinity": float("inf"),
    "below infinity": float("-inf"),
    "a number of 70 bits": 2**70,
    "a number of thousands of digits": -(10**5000),
    "a large float": 1e300,
    "an object": {"a": 1},
    "a list": [1, "2"],
    "bytes": b"a",
    "a tensor": torch.zeros(2),
    "nothing in a text": "",
    "a megabyte": MEGABYTE,
    "a NUL": "a\0b",
    "lines": "a\r\nX-Evil: 1",
    "a lone surrogate": "\ud800",
    "colours of a console": "\x1b[31mred",
    "right to left": "a\u202eb",
}


def widgets_of(node) -> dict[str, object]:
    """The widgets of a node with their defaults."""
    schema = node.define_schema()
    return {i.id: i.default for i in schema.inputs if hasattr(i, "default")}


WIDGETS = [(node, name) for node in NODES for name in widgets_of(node)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One host in practice mode for all tests of this file: nothing can cost money."""
    with practising(tmp_path_factory.mktemp("host")) as place:
        yield place


def run(node, *many):
    """Run a node as the host does, once for each of its inputs, and give what it raises."""
    host.reset(host.state.folder)

    async def one(inputs):
        if hasattr(node, "fingerprint_inputs"):
            node.fingerprint_inputs(**inputs)
        await node.execute(**inputs)

    async def at_once():
        return await asyncio.gather(*map(one, many), return_exceptions=True)

    return asyncio.run(at_once())


def check_shown(error: BaseException | None) -> None:
    """What a page and a console show of it: two sentences in one line, and not too long."""
    for _, text in host.state.texts:
        assert all(c.isprintable() or c == "\n" for c in text)
    if error is not None:
        assert isinstance(error, WanAnimateError), f"{type(error).__name__}: {str(error)[:200]}"
        assert str(error).isprintable()
        assert len(str(error)) < 1000
        assert len(re.findall(r"[.!?](?: |$)", str(error))) >= 2, str(error)


@pytest.mark.parametrize(("node", "name"), WIDGETS, ids=[f"{n.__name__}.{w}" for n, w in WIDGETS])
def test_no_value_in_any_widget_breaks_more_than_its_node(folder, node, name):
    ids = {i.id for i in node.define_schema().inputs}
    good = {**widgets_of(node), **{n: m for n, m in {**MEDIA, **GOOD}.items() if n in ids}}
    good.pop(IN_THE_PLACE_OF.get(name, ""), None)
    service = session.service()
    before = service.submits
    found = run(node, *({**good, name: value} for value in VALUES.values()))
    # Some values are as good as any, and may be bought; what ends in a sentence is not.
    assert service.submits - before <= sum(error is None for error in found)
    for what, error in zip(VALUES, found, strict=True):
        try:
            check_shown(error)
        except AssertionError as wrong:
            raise AssertionError(f"{what}: {wrong}") from wrong


NO_WEB = [
    "file:///etc/passwd", "FILE:/etc/passwd", "/etc/passwd", "..", "~/.ssh/id_rsa", "C:\\a.mp4",
    "\\\\server\\share\\a.mp4", "//server/share/a.mp4", "ftp://example.org/a.mp4",
    "data:video/mp4;base64,AAAA", "concat:/etc/passwd", "subfile,,start,0,end,9,,:/etc/passwd",
    "rtsp://example.org/a", "javascript:alert(1)", "gopher://example.org/", "http:/etc/passwd",
    "http:///etc/passwd", "https://user:word@example.org/a.mp4", "http://[::1", "http://\0/a.mp4",
    "https://example.org/a\r\nHost: evil", "https://exa\tmple.org/a.mp4",
]  # fmt: skip
INSIDE = [
    "http://127.0.0.1:8189/", "http://127.1/", "http://2130706433/", "http://0x7f.0.0.1/",
    "http://0177.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
    "http://localhost/", "http://LOCALHOST./", "http://a.localhost/", "http://0.0.0.0/",
    "http://0/", "http://[::]/", "http://10.0.0.1/", "http://10.1/", "http://172.16.0.1/",
    "http://192.168.0.1/a.mp4", "http://100.64.0.1/", "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1]/", "http://[fd00:ec2::254]/", "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/", "http://metadata.google.internal/", "http://nas.local/",
    "http://router/", "http://224.0.0.1/", "http://255.255.255.255/",
]  # fmt: skip


@pytest.fixture
def real(folder, monkeypatch):
    """The same host with a key: practice mode allows this machine itself."""
    monkeypatch.setenv("APIXO_WAN_PRACTICE", "0")
    monkeypatch.setenv("APIXO_API_KEY", "sk-not-a-real-key-0123")
    host.reset(folder)


@pytest.mark.parametrize("url", [*NO_WEB, *INSIDE])
def test_a_url_that_leads_inside_or_to_a_file_is_refused_by_every_node(real, url):
    service = session.service()
    before = (service.submits, service.count())
    with pytest.raises(InputError):
        asyncio.run(ApixoLoadFrames.execute(url=url, file="", first_frame=0, frame_count=0,
                                            every_nth=1, longest_side=0))  # fmt: skip
    with pytest.raises(InputError):
        asyncio.run(animate(url))
    assert (service.submits, service.count()) == before


async def animate(url):
    """A task whose media both lie there; what its form does not tell is seen at the proof."""
    Request(UrlCharacter(url), UrlMotion(url), WanOptions()).check()
    task = session.service().start(Request(UrlCharacter(url), UrlMotion(url), WanOptions()))
    await asyncio.to_thread(task.wait, 30)
    return task.outcome()


TASK_IDS = ["a/b", "../../x", "..", ".", "a b", "a\r\nX-Evil: 1", "a\0", "ä", "a\\b",
            "%2e%2e%2f x", "\ud800", "t" * 1_000_000]  # fmt: skip
"""`?`, `#` and `&` may be in an id; they arrive as they are: tests/apixo/test_status.py."""


@pytest.mark.parametrize("task_id", TASK_IDS, ids=lambda t: ascii(t[:12]))
def test_a_task_id_reaches_nothing_but_its_own_question(real, task_id):
    inputs = {"task_id": task_id, "decode_frames": True, "first_frame": 0, "frame_count": 0,
              "every_nth": 1, "longest_side": 0}  # fmt: skip
    before = session.service().count()
    (error,) = run(ApixoWanCollect, inputs)
    assert isinstance(error, InputError)
    check_shown(error)
    assert session.service().count() == before


def test_a_workflow_cannot_agree_to_public_hosts(real):
    (error,) = run(ApixoUploadImage, {"image": PICTURE, "host": "temporary host"})
    assert "a workflow cannot" in str(error)
