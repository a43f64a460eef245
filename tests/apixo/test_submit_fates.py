"""What the answer to a submit means for the money: accepted, refused outright, or nobody knows."""

from __future__ import annotations

import json

import pytest
from apixo_wan_animate.utils.errors import (
    AuthError,
    CreditError,
    InputError,
    NotSentError,
    ProtocolError,
    RateLimitError,
    RejectedError,
    ServerError,
    TransportError,
)
from rawserver import Wire, reply_bytes

OWN_CLASS = {401: AuthError, 403: AuthError, 402: CreditError, 429: RateLimitError}
REJECTED = (400, 404, 405, 410, 411, 413, 414, 415, 422, 431)
OPEN = (
    301, 302, 303, 304, 307, 308, 406, 407, 408, 409, 418, 421, 423, 424, 425, 426, 428, 451,
    499, 500, 501, 502, 503, 504, 507, 511, 520, 524, 599, 600, 999,
)  # fmt: skip
FATES = OWN_CLASS | dict.fromkeys(REJECTED, RejectedError) | dict.fromkeys(OPEN, ServerError)

ACCEPTED = {"code": 200, "message": "success", "data": {"taskId": "t-1"}}


def envelope(code: object, **more: object) -> bytes:
    return json.dumps({"code": code, "message": "no", "data": None, **more}).encode()


BODIES = {
    "nothing": lambda status: b"",
    "html": lambda status: b"<!DOCTYPE html><html><h1>Bad gateway</h1></html>",
    "garbage": lambda status: bytes(range(256)),
    "array": lambda status: b"[]",
    "null": lambda status: b"null",
    "number": lambda status: str(status).encode(),
    "its own code": envelope,
    "code 200": lambda status: envelope(200),
    "code 500": lambda status: envelope(500),
    "data.error": lambda status: envelope(status, data={"error": "image_urls is wrong"}),
    "deep": lambda status: b"[" * 100_000,
}


@pytest.mark.parametrize("status", sorted(FATES))
def test_a_status_that_is_no_success_decides_whatever_the_body_says(service, submission, status):
    client = service.answers(*(make(status) for make in BODIES.values()), status=status)
    for number, body in enumerate(BODIES, start=1):
        with pytest.raises(FATES[status]) as caught:
            client.submit(submission)
        assert (body, type(caught.value)) == (body, FATES[status])
        assert (body, caught.value.status) == (body, status)
        assert (body, len(service.server.requests)) == (body, number)


NEITHER = dict.fromkeys([0, 1, 100, 199, 201, 202, 204, 299, 1001, -1], ServerError)


@pytest.mark.parametrize("spelling", [int, str, float], ids=["number", "text", "with a point"])
def test_the_envelopes_code_decides_where_http_says_200(service, submission, spelling):
    codes = FATES | NEITHER
    bodies = [envelope(spelling(c), data={"error": "x"}) for c in codes]
    client = service.answers(*bodies)
    for number, code in enumerate(codes, start=1):
        with pytest.raises(codes[code]) as caught:
            client.submit(submission)
        assert (code, type(caught.value)) == (code, codes[code])
        assert caught.value.status == code
        assert len(service.server.requests) == number


@pytest.mark.parametrize("code", ["INSUFFICIENT_CREDITS", "InsufficientCredits"])
@pytest.mark.parametrize("place", ["code", "failCode", "error"])
def test_no_credit_is_known_by_its_fail_code_too(submitting, code, place):
    body = {
        "code": {"code": code, "message": "no"},
        "failCode": {"code": 1001, "data": {"failCode": code}},
        "error": {"code": 400, "data": {"error": {"code": code, "message": "top up"}}},
    }[place]
    with pytest.raises(CreditError) as caught:
        submitting(body)
    assert caught.value.code == code


def test_server_trouble_about_credit_still_leaves_the_fate_open(submitting):
    with pytest.raises(ServerError):
        submitting(envelope(500, data={"failCode": "INSUFFICIENT_CREDITS"}), status=500)


UNREADABLE = {
    "nothing": b"",
    "html": b"<html>welcome</html>",
    "garbage": bytes(range(256)),
    "half": json.dumps(ACCEPTED).encode()[:-1],
    "array": b"[200]",
    "null": b"null",
    "text": b'"ok"',
    "no code, no data": b'{"message":"ok"}',
    "no code, empty data": b'{"data":{}}',
    "code true": envelope(True, data={"taskId": "t-1"}),
    "code a word": envelope("OK", data={"taskId": "t-1"}),
    "code a list": envelope([200], data={"taskId": "t-1"}),
    "code not a number": b'{"code":NaN,"data":{"taskId":"t-1"}}',
    "code endless": b'{"code":' + b"9" * 5000 + b',"data":{"taskId":"t-1"}}',
    "data null": envelope(200),
    "data missing": b'{"code":200}',
    "data text": envelope(200, data="t-1"),
    "data list": envelope(200, data=[{"taskId": "t-1"}]),
    "id missing": envelope(200, data={}),
    "id null": envelope(200, data={"taskId": None}),
    "id empty": envelope(200, data={"taskId": ""}),
    "id true": envelope(200, data={"taskId": True}),
    "id a fraction": envelope(200, data={"taskId": 1.5}),
    "id an object": envelope(200, data={"taskId": {"id": "t-1"}}),
    "id a path": envelope(200, data={"taskId": "../t-1"}),
    "id two words": envelope(200, data={"taskId": "t 1"}),
    "id two lines": envelope(200, data={"taskId": "t\r\nHost: x"}),
    "id not ASCII": envelope(200, data={"taskId": "tâche"}),
    "id a lone surrogate": b'{"code":200,"data":{"taskId":"\\ud800"}}',
    "id too long": envelope(200, data={"taskId": "t" * 201}),
}


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_success_without_a_usable_id_leaves_the_fate_open(service, submission, status):
    client = service.answers(*UNREADABLE.values(), status=status)
    for number, body in enumerate(UNREADABLE, start=1):
        with pytest.raises(ProtocolError) as caught:
            client.submit(submission)
        assert (body, len(caught.value.excerpt) <= 200) == (body, True)
        assert (body, caught.value.excerpt.isprintable()) == (body, True)
        assert (body, len(service.server.requests)) == (body, number)


def test_an_empty_success_leaves_the_fate_open(submitting):
    with pytest.raises(ProtocolError):
        submitting(b"", status=204)


@pytest.mark.parametrize("code", [200, "200", " 200 ", 200.0])
def test_an_accepted_submit_gives_its_id(service, submission, code):
    ids = {
        "t-1": "t-1",
        "0d2c1f0e-5b1e-4a53-9f43-7a2f6a1d8c11": "0d2c1f0e-5b1e-4a53-9f43-7a2f6a1d8c11",
        "task:wan|1": "task:wan|1",
        "a+b=c~d@e&f?g#h%20": "a+b=c~d@e&f?g#h%20",
        1234567890123456789: "1234567890123456789",
        "t" * 200: "t" * 200,
        " t-2\n": "t-2",
    }
    client = service.answers(*(envelope(code, data={"taskId": sent}) for sent in ids))
    assert [client.submit(submission) for _ in ids] == list(ids.values())
    assert len(service.server.requests) == len(ids)


@pytest.mark.parametrize("code", [{}, {"code": None}], ids=["missing", "null"])
def test_an_id_counts_even_where_the_word_for_success_is_missing(submitting, code):
    assert submitting({**code, "data": {"taskId": "t-1"}}) == "t-1"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_json_in_another_encoding_is_read(submitting, encoding):
    assert submitting(json.dumps(ACCEPTED).encode(encoding)) == "t-1"


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [("7", 7.0), ("0", 0.0), ("1.5", 1.5), ("999999", 3600.0), ("soon", None), ("-5", None)],
)
@pytest.mark.parametrize("status", [200, 429])
def test_a_refusal_for_now_says_how_long(submitting, status, header, wait_s):
    with pytest.raises(RateLimitError) as caught:
        submitting(envelope(429), status=status, Retry_After=header)
    assert caught.value.retry_after_s == wait_s


@pytest.mark.parametrize("status", sorted({*OWN_CLASS, *REJECTED}))
def test_a_refusal_whose_page_is_cut_is_still_a_refusal(service, submission, status):
    def cut(wire: Wire) -> None:
        wire.request()
        wire.reply(status, b'{"code":', length=500)

    with pytest.raises(FATES[status]):
        service.speaks(cut).submit(submission)
    assert (service.server.connections, len(service.server.requests)) == (1, 1)


@pytest.mark.parametrize("status", [200, 429])
def test_an_answer_beyond_the_limit_is_not_read(service, submission, status):
    wanted = {200: TransportError, 429: RateLimitError}[status]
    huge = envelope(status, data={"taskId": "t-1", "more": "y" * 2_000_000})
    with pytest.raises(wanted) as caught:
        service.answers(huge, status=status).submit(submission)
    assert not isinstance(caught.value, NotSentError)


def test_a_lost_answer_leaves_the_fate_open_and_is_not_sent_again(service, submission):
    def lose(wire: Wire) -> None:
        wire.request()
        wire.reset()

    with pytest.raises(TransportError) as caught:
        service.speaks(lose).submit(submission)
    assert not isinstance(caught.value, NotSentError)
    assert (service.server.connections, len(service.server.requests)) == (1, 1)


def test_a_service_that_is_not_there_was_sent_nothing(service, submission):
    client = service.answers(ACCEPTED)
    service.server.close()
    with pytest.raises(NotSentError):
        client.submit(submission)


def test_a_submit_after_a_status_does_not_use_its_connection(service, submission):
    client = service.speaks(
        lambda wire: [
            wire.send(reply_bytes(200, json.dumps(ACCEPTED).encode()))
            for _ in iter(wire.request, None)
        ]
    )
    client.status("t-1")
    client.submit(submission)
    client.status("t-1")
    assert [asked.connection for asked in service.server.requests] == [0, 1, 0]


def test_the_answer_is_read_to_the_end_before_the_next_line_is_believed(service, submission):
    twice = reply_bytes(200, json.dumps(ACCEPTED).encode()) * 2
    client = service.speaks(lambda wire: (wire.request(), wire.send(twice), wire.linger()))
    assert client.submit(submission) == "t-1"


@pytest.mark.parametrize("status", [400, 500])
def test_an_error_never_shows_the_key_or_a_signature(submitting, status):
    signed = "https://cdn.example/very/long/path/of/a/clip.mp4?X-Amz-Signature=5ecret"
    body = {"code": status, "message": f"cannot read {signed}, sorry", "data": {"error": signed}}
    with pytest.raises((RejectedError, ServerError)) as caught:
        submitting(body, status=status)
    shown = f"{caught.value} {caught.value!r} {vars(caught.value)}"
    assert "5ecret" not in shown
    assert "sk-test" not in shown
    assert "cannot read https://cdn.example/" in shown


@pytest.mark.parametrize("status", [200, 401, 500])
def test_an_answer_that_repeats_the_key_does_not_show_it(submitting, status):
    key = "sk-test-0123456789abcdef"
    body = {"code": key, "message": f"Invalid key {key}", "data": {"error": f"Bearer {key}"}}
    with pytest.raises((AuthError, ServerError, ProtocolError)) as caught:
        submitting(body, status=status)
    assert key not in f"{caught.value} {caught.value!r} {vars(caught.value)}"


def test_a_protocol_error_never_shows_a_signature(submitting):
    with pytest.raises(ProtocolError) as caught:
        submitting(b'"HTTPS://cdn.example/a/long/path/clip.mp4?sig=5ecret"')
    assert "5ecret" not in f"{caught.value!r} {vars(caught.value)}"


def test_a_reason_in_either_place_is_told_in_one_line(submitting):
    body = {"code": 400, "message": "bad\nrequest", "data": {"error": "seed must be ≥ −1\x00"}}
    with pytest.raises(RejectedError, match="bad request · seed must be ≥ −1"):
        submitting(body, status=400)


def test_a_key_that_is_refused_is_no_input_error(submitting):
    with pytest.raises(AuthError) as caught:
        submitting(b"<html>", status=401)
    assert not isinstance(caught.value, InputError)
