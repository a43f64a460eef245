"""Whatever comes instead of an answer, only errors of ours come out."""

from __future__ import annotations

import json
import logging

from apixo_wan_animate.utils.apixo.failures import advice
from apixo_wan_animate.utils.apixo.replies import (
    TaskStatus,
    read_balance,
    read_status,
    read_task_id,
)
from apixo_wan_animate.utils.apixo.task_ids import check_task_id, named_task_id
from apixo_wan_animate.utils.errors import InputError, ProtocolError, ServiceError
from apixo_wan_animate.utils.transport import Reply
from apixo_wan_animate.utils.transport.retry_after import LONGEST_S, retry_after_s
from hypothesis import example, given
from hypothesis import strategies as st

OURS = (ServiceError, ProtocolError)

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
    | st.sampled_from(["success", "FAILED", "https://h.example/a.mp4", "t-1", "200", 200])
)  # fmt: skip
names = st.sampled_from(
    ["code", "message", "data", "taskId", "state", "resultJson", "resultUrls", "failCode",
     "failMsg", "createTime", "error"]
)  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5)
)
envelopes = st.fixed_dictionaries(
    {"code": st.just(200) | scalars, "data": st.dictionaries(names, values) | values},
    optional={"message": values, "error": values},
)
bodies = (
    st.binary(max_size=200)
    | values.map(lambda value: json.dumps(value).encode())
    | envelopes.map(lambda value: json.dumps(value).encode())
    | envelopes.map(lambda value: json.dumps(value).encode()[:-3])
)
statuses = st.sampled_from([200, 201, 204, 302, 400, 401, 402, 403, 404, 409, 429, 500, 503])


def writable(*texts: str) -> None:
    """Every text can go to a console, a database and a line of a log."""
    for text in texts:
        text.encode()
        assert text.isprintable() or not text


@given(bodies, statuses)
@example(b"[" * 200_000, 200)
@example(b'{"code":200,"data":{"taskId":' + b"9" * 4299 + b"}}", 200)
@example(b'{"code":' + b"9" * 5000 + b"}", 200)
@example(b'{"code":200,"data":{"taskId":1e400}}', 200)
def test_a_submits_answer(body, status):
    try:
        task_id = read_task_id(Reply(status, {}, body))
    except OURS as error:
        writable(str(error))
    else:
        assert check_task_id(task_id) == task_id


@given(bodies, statuses)
@example(b'{"code":200,"data":{"createTime":-1e999,"costTime":NaN}}', 200)
@example(b'{"code":200,"data":{"state":"failed","failCode":' + b"9" * 4299 + b"}}", 200)
def test_a_tasks_state(body, status):
    try:
        found = read_status(Reply(status, {}, body))
    except OURS as error:
        writable(str(error))
        return
    assert isinstance(found, TaskStatus)
    writable(found.raw_state, found.task_id)
    assert all(url.isascii() and " " not in url for url in found.result_urls)
    if found.failure:
        writable(found.failure.code, found.failure.message, advice(found.failure.code))


@given(bodies | st.from_regex(rb'\{"code":200,"data":"?[-+0-9_eE. ]{1,30}"?\}'), statuses)
@example(b'{"code":200,"data":"1e-999999999"}', 200)
@example(b'{"code":200,"data":"-1e999999999"}', 200)
def test_a_balance(body, status):
    try:
        dollars = read_balance(Reply(status, {}, body))
    except OURS as error:
        writable(str(error))
    else:
        assert f"{dollars:.2f}"
        float(dollars)


@given(bodies)
@example(b"[" * 200_000)
@example(b'{"data":{"taskId":17}}')
def test_a_callback(body):
    task_id = named_task_id(body)
    assert task_id is None or check_task_id(task_id) == task_id


def test_a_callback_names_its_task_as_text_or_number():
    assert named_task_id(b'{"code":200,"data":{"taskId":"t-1","state":"failed"}}') == "t-1"
    assert named_task_id(b'{"code":501,"message":"x","data":{"taskId":17}}') == "17"


@given(st.text(max_size=300))
def test_a_task_id_that_is_typed(text):
    try:
        assert check_task_id(text) == text
    except InputError:
        return
    assert text.isascii() and text.isprintable() and 0 < len(text) <= 200
    assert not set(text) & set(" /\\")


DATES = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Mon", "Sun", "Xyz", ""]),
    st.integers(-2, 99),
    st.sampled_from(["Jan", "Feb", "Dec", "Foo"]),
    st.integers(-1, 20_000),
    st.integers(-1, 99),
    st.integers(-1, 99),
    st.integers(-1, 99),
    st.sampled_from(["GMT", "-0000", "+9999", "EST", "", "+99999999"]),
)


@given(st.text(max_size=40) | st.from_regex(r"[-+]?[0-9]{1,40}(\.[0-9]*)?") | DATES, DATES)
@example("²", "")
@example("1" * 5000, "")
@example("Mon, 01 Jan 0001 00:00:00 -0000", "Fri, 31 Dec 9999 23:59:59 -0000")
def test_retry_after(text, date):
    found = retry_after_s({"retry-after": text, "date": date}, now=1.7e9)
    assert found is None or 0 <= found <= LONGEST_S


def test_nothing_of_this_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    read_status(Reply(200, {}, b'{"code":200,"data":{"state":"failed"}}'))
    assert not caplog.records
