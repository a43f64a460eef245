"""Files go up whole, from disk to wire, with their exact length."""

from __future__ import annotations

import email
import hashlib
import tracemalloc
from pathlib import Path

import pytest
from apixo_wan_animate.utils.errors import InputError, NotSentError, TransportError
from apixo_wan_animate.utils.transport import Form
from patience import one_of_three
from rawserver import Wire, answering, reply_bytes
from stopping import felt_after_s

FORM = Form("f", "a.mp4", "video/mp4", {})
OK = reply_bytes(200, b'{"url":"https://x.example/a.mp4"}')


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "my secret holiday.mp4"
    path.write_bytes(bytes(range(256)) * 1001 + b"end")
    return path


def test_a_bare_file_is_the_body(transport, serve, clip, loopback):
    server = serve(answering(OK))
    reply = transport.upload(
        f"{server.origin}/a.mp4",
        clip,
        rule=loopback,
    )
    (asked,) = server.requests
    assert (reply.status, asked.method) == (200, "PUT")
    assert asked.body == clip.read_bytes()
    assert asked.headers["content-length"] == str(clip.stat().st_size)
    assert "transfer-encoding" not in asked.headers


def test_a_form_holds_the_file_under_the_name_it_is_given(transport, serve, clip, loopback):
    server = serve(answering(OK))
    fields = {"time": "24h", "reqtype": "fileupload"}
    form = Form("files[]", "3f9a.mp4", "video/mp4", fields)
    transport.upload(server.origin, clip, form=form, rule=loopback)
    (asked,) = server.requests
    assert asked.headers["content-length"] == str(len(asked.body))
    head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
    parts = email.message_from_bytes(head + asked.body).get_payload()
    found = {part.get_param("name", header="content-disposition"): part for part in parts}
    assert found["time"].get_payload() == "24h"
    assert found["reqtype"].get_payload() == "fileupload"
    assert found["files[]"].get_payload(decode=True) == clip.read_bytes()
    assert found["files[]"].get_filename() == "3f9a.mp4"
    assert found["files[]"].get_content_type() == "video/mp4"
    assert b"holiday" not in asked.body


def test_an_empty_file_goes_up_with_length_zero(transport, serve, tmp_path, loopback):
    (tmp_path / "empty").write_bytes(b"")
    server = serve(answering(OK))
    transport.upload(server.origin, tmp_path / "empty", rule=loopback)
    assert server.requests[0].headers["content-length"] == "0"


def test_progress_tells_bytes_of_the_file(transport, serve, clip, loopback):
    told: list[tuple[int, int]] = []
    transport.upload(
        serve(answering(OK)).origin,
        clip,
        form=FORM,
        progress=lambda sent, total: told.append((sent, total)),
        rule=loopback,
    )
    size = clip.stat().st_size
    assert told[-1] == (size, size)
    assert all(0 <= sent <= total == size for sent, total in told)


def test_a_put_whose_connection_broke_is_sent_again_from_the_start(
    transport, serve, clip, loopback
):
    def script(wire: Wire) -> None:
        if wire.number == 0:
            wire.head()
            wire.reset()
            return
        wire.request()
        wire.send(OK)

    server = serve(script)
    assert transport.upload(server.origin, clip, rule=loopback).status == 200
    sent = hashlib.sha256(server.requests[0].body).digest()
    assert sent == hashlib.sha256(clip.read_bytes()).digest()


def test_a_put_to_a_host_in_trouble_is_sent_again(transport, serve, clip, loopback):
    server = serve(answering(reply_bytes(503), OK))
    assert transport.upload(server.origin, clip, rule=loopback).status == 200
    assert [len(asked.body) for asked in server.requests] == [clip.stat().st_size] * 2


@pytest.mark.parametrize("fault", ["reset", "503"])
def test_a_post_is_not_sent_again(transport, serve, clip, loopback, fault):
    def script(wire: Wire) -> None:
        wire.request()
        if fault == "reset":
            wire.reset()
        else:
            wire.reply(503)

    server = serve(script)
    if fault == "reset":
        with pytest.raises(TransportError):
            transport.upload(server.origin, clip, form=FORM, rule=loopback)
    else:
        reply = transport.upload(server.origin, clip, form=FORM, rule=loopback)
        assert reply.status == 503
    assert server.connections == 1


@pytest.mark.parametrize("status", [301, 307, 308])
def test_a_redirect_takes_no_file_elsewhere(transport, serve, clip, loopback, status):
    elsewhere = serve(answering(OK))
    server = serve(answering(reply_bytes(status, b"", Location=elsewhere.origin)))
    assert transport.upload(server.origin, clip, rule=loopback).status == status
    assert elsewhere.connections == 0


def test_a_refusal_before_the_end_is_heard(transport, serve, tmp_path, loopback):
    big = tmp_path / "big"
    big.write_bytes(bytes(20_000_000))

    def script(wire: Wire) -> None:
        wire.head()
        wire.reply(413, b"too large", Connection="close")
        wire.linger()

    assert transport.upload(serve(script).origin, big, rule=loopback).status == 413


def test_a_place_inside_is_refused(transport, serve, clip, public):
    server = serve(answering(OK))
    with pytest.raises(InputError):
        transport.upload(server.origin, clip, rule=public)
    assert server.connections == 0


def test_a_place_that_its_owner_configured_may_lie_inside(transport, serve, clip):
    assert transport.upload(serve(answering(OK)).origin, clip).status == 200


def test_a_host_that_is_not_there_was_not_reached(transport, serve, clip):
    server = serve(answering(OK))
    server.close()
    with pytest.raises(NotSentError):
        transport.upload(server.origin, clip)


def test_a_file_that_is_not_there_is_named(transport, serve, tmp_path):
    server = serve(answering(OK))
    with pytest.raises(InputError):
        transport.upload(server.origin, tmp_path / "none")
    assert server.connections == 0


def test_a_file_that_shrinks_on_the_way_ends_the_upload(transport, serve, tmp_path):
    big = tmp_path / "big"
    big.write_bytes(bytes(30_000_000))

    def shrink(sent: int, total: int) -> None:
        if 0 < sent < 200_000:
            with big.open("r+b") as file:
                file.truncate(1_000_000)

    server = serve(answering(OK))
    with pytest.raises(InputError):
        transport.upload(server.origin, big, progress=shrink)


def stuck(wire: Wire) -> None:
    """Takes the head, then reads nothing more, so that sending blocks."""
    wire.head()
    wire.server.ending.wait(20)


def no_answer(wire: Wire) -> None:
    wire.request()
    wire.linger()


@pytest.mark.parametrize("script", [stuck, no_answer])
def test_a_stop_is_felt_within_half_a_second(transport, serve, tmp_path, script):
    big = tmp_path / "big"
    big.write_bytes(bytes(30_000_000))

    def attempt() -> float:
        server = serve(script)
        took_s = felt_after_s(
            lambda stop: transport.upload(server.origin, big, stop=stop),
            once=lambda: server.connections,
            then_s=0.3,
        )
        assert server.connections == 1
        return took_s

    one_of_three(attempt, within_s=0.5)


def test_a_large_file_is_never_whole_in_memory(transport, serve, tmp_path):
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(64_000_000)

    def swallow(wire: Wire) -> None:
        wire.head()
        left, buffer = 64_000_000 - len(wire.rest), bytearray(65536)
        while left > 0 and (taken := wire.sock.recv_into(buffer)):
            left -= taken
        wire.send(OK)

    server = serve(swallow)
    tracemalloc.start()
    try:
        transport.upload(server.origin, big)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
