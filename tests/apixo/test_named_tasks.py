"""An answer to a submit that is no plain yes, and names a task: its id is kept, not passed over."""

from __future__ import annotations

import json

import pytest
from apixo_wan_animate.utils.apixo.task_ids import named_task_id
from apixo_wan_animate.utils.errors import (
    CreditError,
    ProtocolError,
    RejectedError,
    ServiceError,
    TransportError,
)
from rawserver import Wire, reply_bytes

from .conftest import KEY
from .test_submit_fates import ACCEPTED, FATES, NEITHER, envelope

UUID = "0d2c1f0e-5b1e-4a53-9f43-7a2f6a1d8c11"
LONG = "practice-6f1c9ab04d2e8f7731c05a12"


def of(submitting, body, *, status=200) -> str:
    """The id that is found in an answer that is no plain yes."""
    with pytest.raises(ProtocolError) as caught:
        submitting(body, status=status)
    assert caught.value.task_id in str(caught.value)
    return caught.value.task_id


@pytest.mark.parametrize("status", sorted({*FATES} - {304}))  # a 304 has no body
def test_no_status_makes_a_refusal_of_an_answer_that_names_a_task(submitting, status):
    assert of(submitting, ACCEPTED, status=status) == "t-1"


@pytest.mark.parametrize("code", sorted({*FATES, *NEITHER}))
def test_no_code_makes_a_refusal_of_an_answer_that_names_a_task(submitting, code):
    assert of(submitting, envelope(code, data={"taskId": "t-1"})) == "t-1"


PLACES = {
    "data.taskId": lambda i: {"data": {"taskId": i}},
    "data.task_id": lambda i: {"data": {"task_id": i}},
    "beside data": lambda i: {"data": None, "taskId": i},
    "beside data, the other spelling": lambda i: {"task_id": i},
    "a list of one": lambda i: {"data": [{"taskId": i}]},
    "a JSON text": lambda i: {"data": json.dumps({"taskId": i})},
    "data itself": lambda i: {"data": i},
    "a list of the id": lambda i: {"data": [i]},
}


@pytest.mark.parametrize("status", [200, 400, 429, 500])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("task_id", [UUID, LONG])
def test_an_id_is_found_wherever_it_stands(submitting, place, task_id, status):
    body = {"code": status if status != 200 else 0, "message": "no", **PLACES[place](task_id)}
    assert of(submitting, body, status=status) == task_id


@pytest.mark.parametrize("place", [place for place in PLACES if place != "data.taskId"])
def test_a_yes_with_its_id_in_another_place_is_to_be_proved(submitting, place):
    assert of(submitting, {"code": 200, **PLACES[place](UUID)}) == UUID


@pytest.mark.parametrize(
    "words",
    ["success", "INVALID_IMAGE_URL", "ERROR_CODE_40013", "err-400-12345678", "2026-01-09T13:33:30Z",
     "https://h.example/1234567890", "status 1234567890123", "t-1", "1234", "too long: 130.25 s"],
)  # fmt: skip
def test_words_are_no_id(submitting, words):
    with pytest.raises(RejectedError):
        submitting({"code": 400, "message": words, "data": words}, status=400)


def test_a_refusal_that_names_a_task_tells_why(submitting):
    body = {"code": 402, "message": "balance is now 0", "data": {"taskId": "t-1"}}
    with pytest.raises(ProtocolError, match=r"402.*balance is now 0.*t-1"):
        submitting(body)


def test_a_refusal_that_names_none_is_one(submitting):
    with pytest.raises(CreditError):
        submitting({"code": 402, "message": "balance is 0", "data": {"taskId": ""}})


def test_a_key_in_the_place_of_an_id_is_kept_nowhere(submitting):
    with pytest.raises((ProtocolError, ServiceError)) as caught:
        submitting({"code": 500, "data": {"taskId": KEY}})
    assert KEY not in f"{caught.value} {caught.value!r} {vars(caught.value)}"


# Answers that break off

BODY = json.dumps(ACCEPTED).encode()
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


BROKEN = {
    "without the last chunk": CHUNKED + chunk(BODY),
    "many chunks, the last one missing": CHUNKED + b"".join(map(chunk, (BODY[:9], BODY[9:]))),
    "in the middle of a chunk": CHUNKED + b"fff\r\n" + BODY,
    "two bytes announced too many": reply_bytes(200, BODY, length=len(BODY) + 2),
    "cut within the envelope": reply_bytes(200, BODY[:-2], length=len(BODY)),
    "a refusal without its last chunk": CHUNKED.replace(b"200", b"400") + chunk(BODY),
}  # fmt: skip


@pytest.mark.parametrize("end", ["closed", "reset"])
@pytest.mark.parametrize("answer", BROKEN)
def test_an_answer_that_breaks_off_after_the_id_gives_the_id(service, submission, answer, end):
    def speak(wire: Wire) -> None:
        wire.request()
        wire.send(BROKEN[answer])
        if end == "reset":
            wire.server.ending.wait(0.3)  # a reset overtakes what has not been read yet
            wire.reset()

    with pytest.raises(ProtocolError, match="t-1") as caught:
        service.speaks(speak).submit(submission)
    assert caught.value.task_id == "t-1"
    assert (service.server.connections, len(service.server.requests)) == (1, 1)


def test_an_answer_that_breaks_off_before_its_id_is_lost_and_shows_nothing(service, submission):
    said = b'{"code":200,"message":"see https://cdn.example/a.mp4?sig=5ecret"'

    def speak(wire: Wire) -> None:
        wire.request()
        wire.reply(200, said, length=500)

    with pytest.raises(TransportError) as caught:
        service.speaks(speak).submit(submission)
    assert caught.value.received == said
    assert "5ecret" not in f"{caught.value} {caught.value!r} {caught.value.args}"


@pytest.mark.parametrize("status", ["102 Processing", "103 Early Hints", "100 Continue"])
def test_what_is_said_before_the_answer_is_not_the_answer(service, submission, status):
    before = f"HTTP/1.1 {status}\r\nLink: </x>; rel=preload\r\n\r\n".encode() * 2
    client = service.speaks(
        lambda wire: (wire.request(), wire.send(before + reply_bytes(200, BODY)))
    )
    assert client.submit(submission) == "t-1"


@pytest.mark.parametrize(
    "body",
    [b'{"taskId":"../x"', b'{"taskId":"', b'{"taskId":""', b"<html>taskId</html>", b"\xff" * 99,
     b'{"taskId":"' + b"t" * 300 + b'"'],
)  # fmt: skip
def test_a_broken_answer_without_a_whole_id_names_none(body):
    assert named_task_id(body) is None
