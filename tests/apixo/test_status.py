"""What the service says of a task, in every form in which it was met."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from apixo_wan_animate.utils.apixo.client import ApixoClient
from apixo_wan_animate.utils.apixo.replies import Failure, Phase, TaskStatus
from apixo_wan_animate.utils.clock import SystemClock
from apixo_wan_animate.utils.errors import (
    AuthError,
    CreditError,
    InputError,
    ProtocolError,
    RateLimitError,
    RejectedError,
    ServerError,
    TransportError,
)
from apixo_wan_animate.utils.setting_values import Secret
from apixo_wan_animate.utils.transport import Transport
from rawserver import Wire

from .conftest import KEY

URL = "https://r2.apixo.ai/results/one.mp4"


def test_a_task_that_has_succeeded_is_read_whole(service):
    client = service.succeeds(
        {
            "taskId": "t-1",
            "state": "success",
            "createTime": 1767965610929,
            "completeTime": 1767965652317,
            "costTime": 41388,
            "resultJson": json.dumps({"resultUrls": [URL]}),
        }
    )
    assert client.status("t-1") == TaskStatus(
        "t-1", Phase.SUCCEEDED, "success", 1767965610929, 1767965652317, 41388, (URL,)
    )
    (asked,) = service.server.requests
    assert asked.method == "GET"
    assert asked.headers["authorization"] == "Bearer sk-test-0123456789abcdef"
    parts = urlsplit(asked.target)
    assert parts.path == "/api/v1/statusTask/wan-2-2-animate"
    assert parse_qs(parts.query) == {"taskId": ["t-1"]}


@pytest.mark.parametrize(
    ("word", "phase"),
    [
        ("pending", Phase.WAITING),
        ("PENDING", Phase.WAITING),
        ("processing", Phase.RUNNING),
        ("Processing", Phase.RUNNING),
        ("processing_r2", Phase.RUNNING),
        ("PROCESSING_R2", Phase.RUNNING),
        ("success", Phase.SUCCEEDED),
        (" Success\n", Phase.SUCCEEDED),
        ("FAILED", Phase.FAILED),
        ("queued", Phase.RUNNING),
        ("succeeded", Phase.RUNNING),
        ("failed_r2", Phase.RUNNING),
        ("", Phase.RUNNING),
        (3, Phase.RUNNING),
        (True, Phase.RUNNING),
        (["success"], Phase.RUNNING),
        ({"failed": 1}, Phase.RUNNING),
        ("\ud800", Phase.RUNNING),
        ("x" * 10_000, Phase.RUNNING),
    ],
)
def test_a_state_is_known_in_any_letter_case_and_an_unknown_one_means_running(service, word, phase):
    status = service.succeeds({"taskId": "t-1", "state": word}).status("t-1")
    assert status.phase is phase
    assert len(status.raw_state) <= 80
    status.raw_state.encode()


@pytest.mark.parametrize("data", [None, {}, {"state": None}, {"taskId": "t-1"}])
def test_an_answer_that_says_nothing_ends_nothing(service, data):
    status = service.succeeds(data).status("t-1")
    assert (status.phase, status.raw_state) == (Phase.RUNNING, "")


@pytest.mark.parametrize(
    "state",
    ["pending", "processing", "processing_r3", "rendering", "in_progress", "Queued", "failed_r2",
     "error", "", None],
)  # fmt: skip
def test_links_before_success_are_no_result(service, state):
    data = {"state": state, "resultJson": {"resultUrls": [URL]}}
    status = service.succeeds(data).status("t-1")
    assert (status.phase in {Phase.WAITING, Phase.RUNNING}, status.result_urls) == (True, ())


@pytest.mark.parametrize(
    "state", ["succeeded", "completed", "FINISHED", "done", "ready", "success_r2"]
)
def test_an_unknown_state_with_links_is_success_and_without_them_still_running(service, state):
    data = {"taskId": "t-1", "state": state, "resultJson": {"resultUrls": [URL]}}
    status = service.succeeds(data).status("t-1")
    assert (status.phase, status.result_urls) == (Phase.SUCCEEDED, (URL,))
    status = service.succeeds({**data, "resultJson": ""}).status("t-1")
    assert (status.phase, status.is_strange) == (Phase.RUNNING, True)


def test_the_state_may_stand_under_another_name(service):
    data = {"taskId": "t-1", "status": "success", "resultJson": {"resultUrls": [URL]}}
    status = service.succeeds(data).status("t-1")
    assert (status.phase, status.result_urls) == (Phase.SUCCEEDED, (URL,))
    assert service.succeeds({**data, "state": "pending"}).status("t-1").phase is Phase.WAITING


@pytest.mark.parametrize("wrap", [lambda d: [d], json.dumps, lambda d: json.dumps([d])])
def test_data_that_is_wrapped_once_more_is_read(service, wrap):
    data = {"taskId": "t-1", "state": "success", "resultJson": {"resultUrls": [URL]}}
    assert service.succeeds(wrap(data)).status("t-1").result_urls == (URL,)


def test_a_state_is_told_without_the_key_and_without_signatures(service):
    told = service.succeeds({"state": f"at {URL}?sig=5ecret for {KEY}"}).status("t-1").raw_state
    assert "5ecret" not in told
    assert KEY not in told


REFUSING_PAGES = [
    b"", b"<html><h1>404 Not Found</h1></html>", b"404 page not found", b"null", b"[]", b'"no"',
    b'{"message":"no Route matched with those values"}', b'{"error":"Not Found","status":404}',
    b'{"code":null,"message":"x"}', b'{"code":"NoSuchKey"}', b'{"code":200,"data":null}',
]  # fmt: skip


@pytest.mark.parametrize("status", [400, 404, 410])
@pytest.mark.parametrize("page", REFUSING_PAGES)
def test_a_refusal_that_is_no_envelope_is_not_the_services_word(service, status, page):
    with pytest.raises(ProtocolError):
        service.answers(page, status=status).status("t-1")


@pytest.mark.parametrize(
    ("code", "message", "failure"),
    [
        ("NSFW_DETECTED", "no", Failure("NSFW_DETECTED", "no")),
        ("SensitiveContentDetected", None, Failure("SensitiveContentDetected", "")),
        (500, 7, Failure("500", "7")),
        (None, None, Failure("", "")),
        ({"a": 1}, ["b"], Failure("", "")),
        ("A\nB\x00C", "one\r\ntwo\ud800", Failure("A B C", "one  two")),
        ("c" * 500, "m" * 5000, Failure("c" * 80, "m" * 600)),
        ("X", f"cannot read {URL}?sig=5ecret, sorry",
         Failure("X", "cannot read https://r2.apixo.ai/…one.mp4, sorry")),
    ],
)  # fmt: skip
def test_a_failed_task_tells_why_in_words_that_can_be_written_anywhere(
    service, code, message, failure
):
    data = {"taskId": "t-1", "state": "failed", "failCode": code, "failMsg": message}
    found = service.succeeds(data).status("t-1").failure
    assert found == failure
    f"{found.code}{found.message}".encode()


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (1767965610929, 1767965610929),
        ("1767965610929", 1767965610929),
        (1767965610929.0, 1767965610929),
        ("2026-01-09T13:33:30Z", None),
        (None, None),
        (True, None),
        (1e300, None),
        (10**30, None),
        ([], None),
    ],
)
def test_times_are_numbers_or_nothing(service, sent, read):
    data = {"state": "success", "createTime": sent, "completeTime": sent, "costTime": sent}
    status = service.succeeds(data).status("t-1")
    assert (status.create_time_ms, status.complete_time_ms, status.cost_time_ms) == (read,) * 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!DOCTYPE html><html>welcome</html>",
        b'{"code":200,"data":{"state":"succ',
        b"[]",
        b'{"data":null}',
        b'{"code":"OK","data":{"state":"success"}}',
        b'{"code":200,"data":[]}',
        b'{"code":200,"data":"success"}',
        b"\x1f\x8b\x08",
    ],
)
def test_what_is_not_as_documented_ends_no_task(service, body):
    with pytest.raises(ProtocolError):
        service.answers(body).status("t-1")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RejectedError), (401, AuthError), (402, CreditError), (403, AuthError),
        (404, RejectedError), (429, RateLimitError), (500, ServerError), (502, ServerError),
        (503, ServerError), (302, ServerError),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["http", "envelope"])
def test_an_error_answer_is_told_apart_by_status_or_code(service, status, error, form):
    answer = {"code": status, "message": "no", "data": None}
    client = service.answers(answer, status=200 if form == "envelope" else status)
    with pytest.raises(error) as caught:
        client.status("t-1")
    assert type(caught.value) is error
    assert caught.value.status == status


def test_an_answer_about_another_task_is_not_taken_for_this_one(service):
    data = {"taskId": "t-2", "state": "success", "resultJson": {"resultUrls": [URL]}}
    with pytest.raises(ProtocolError, match="another task"):
        service.succeeds(data).status("t-1")


def test_an_id_in_another_letter_case_is_the_same_task(service):
    assert service.succeeds({"taskId": "AB-1", "state": "pending"}).status("ab-1").task_id == "AB-1"


def test_an_id_that_comes_as_a_number_is_the_same_task(service):
    assert service.succeeds({"taskId": 17, "state": "pending"}).status("17").task_id == "17"


def test_a_cut_answer_is_no_answer(service):
    def cut(wire: Wire) -> None:
        wire.request()
        wire.reply(200, b'{"code":200,"data":{"state":"failed"}}', length=400)

    with pytest.raises(TransportError):
        service.speaks(cut).status("t-1")


def test_a_failure_that_repeats_the_key_is_told_without_it(service):
    told = f"no access for {KEY}"
    failed = {"state": "failed", "failCode": f"E {KEY}", "failMsg": told}
    failure = service.succeeds(failed).status("t-1").failure
    assert (failure.code, failure.message) == ("E (key)", "no access for (key)")


def test_a_key_is_told_from_others_by_a_mark_that_says_nothing_of_it(service):
    client = service.succeeds(None)
    other = ApixoClient(Transport(SystemClock()), base_url="https://x.test", key=Secret("sk-2"))
    assert client.key_mark == service.succeeds(None).key_mark
    assert client.key_mark != other.key_mark
    assert len(client.key_mark) == 8
    assert client.key_mark not in KEY


def test_the_key_goes_nowhere_but_to_the_service(service):
    elsewhere = service.succeeds({"state": "success"})
    other = service.server
    moved = service.answers(b"", status=302, Location=f"{other.origin}/api/v1/statusTask")
    with pytest.raises(ServerError):
        moved.status("t-1")
    assert other.connections == 0
    del elsewhere


@pytest.mark.parametrize(
    "task_id",
    ["", " ", "a b", "a/b", "../a", "a\\b", ".", "..", "a\nb", "a\x00", "é", "<b>", "a'b",
     "t" * 201],
)  # fmt: skip
def test_an_id_that_can_be_none_is_not_asked_about(service, task_id):
    client = service.succeeds(None)
    with pytest.raises(InputError):
        client.status(task_id)
    assert service.server.connections == 0


@pytest.mark.parametrize("task_id", ["a&taskId=b", "a#b", "a?b", "a%2Fb", "a+b", "{a}"])
def test_every_sign_of_an_id_arrives_as_it_is(service, task_id):
    service.succeeds(None).status(task_id)
    (asked,) = service.server.requests
    assert parse_qs(urlsplit(asked.target).query) == {"taskId": [task_id]}


@pytest.mark.parametrize(
    ("sent", "dollars"),
    [("12.5", "12.5"), ("0", "0"), ("-0.25", "-0.25"), ('"7.10"', "7.10"), ("1e2", "100.0"),
     ("1e-9", "1E-9"), ("0.1", "0.1")],
)  # fmt: skip
def test_a_balance_is_a_bare_number(service, sent, dollars):
    body = b'{"code":200,"message":"success","data":' + sent.encode() + b"}"
    assert str(service.answers(body).balance()).upper() == dollars
    assert service.server.requests[0].target == "/api/v1/apikeys/current-balance"


@pytest.mark.parametrize(
    "sent",
    ["null", "true", "[]", '{"balance":1}', '"much"', '""', "NaN", "Infinity", '"Infinity"',
     "1e999", '"1e999999999"', '"-1e13"', "9" * 400, '"\\ud800"'],
)  # fmt: skip
def test_a_balance_that_is_no_number_of_dollars_is_not_shown(service, sent):
    with pytest.raises(ProtocolError):
        service.answers(b'{"code":200,"data":' + sent.encode() + b"}").balance()


@pytest.mark.parametrize(("status", "error"), [(401, AuthError), (403, AuthError)])
def test_a_balance_is_also_a_check_of_the_key(service, status, error):
    with pytest.raises(error):
        service.answers({"code": status, "message": "Invalid API key"}, status=status).balance()
