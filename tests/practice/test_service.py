"""The practice service answers as the remote one is documented to."""

from __future__ import annotations

import json
import threading
import time

import pytest
from apixo_wan_animate.utils.practice.gate import Limits
from patience import until

from .caller import API, KEY, MODEL, body


def test_a_task_is_accepted_made_and_told(client, picture, tiny_clip):
    before_ms = time.time() * 1000 - 1
    reply = client.submit(body(client.put(picture), client.put(tiny_clip), seed=7))
    envelope = reply.json()
    assert (reply.status_code, envelope["code"], envelope["message"]) == (200, 200, "success")
    task_id = envelope["data"]["taskId"]
    assert task_id.startswith("practice-")
    data = client.ended(task_id)
    assert data["state"] == "success"
    assert isinstance(data["resultJson"], str)
    assert before_ms <= data["createTime"] <= data["completeTime"] <= time.time() * 1000 + 1
    assert data["costTime"] == data["completeTime"] - data["createTime"]
    video = client.http.get(client.result(data))
    assert video.headers["Content-Type"] == "video/mp4"
    assert video.content[4:8] == b"ftyp"


def test_counts_say_what_was_on_the_wire(client, picture, tiny_clip):
    client.submit(body(client.put(picture), client.put(tiny_clip)))
    client.submit({"nonsense": 1})
    counts = client.service.counts
    assert (counts["upload"], counts["submit"], counts["accepted"]) == (2, 2, 1)
    assert counts["upload_bytes"] == picture.stat().st_size + tiny_clip.stat().st_size


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        (f"{API}/apikeys/current-balance", "Bearer practice", 200),
        (f"{API}/apikeys/current-balance", "bearer practice", 200),
        (f"{API}/apikeys/current-balance", "Bearer other", 401),
        (f"{API}/apikeys/current-balance", "practice", 401),
        (f"{API}/apikeys/current-balance", "", 401),
        (f"{API}/statusTask/{MODEL}?taskId=practice-none", "Bearer practice", 404),
        (f"{API}/statusTask/{MODEL}", "Bearer practice", 404),
        (f"{API}/statusTask/wan-9?taskId=x", "Bearer practice", 404),
        ("/practice/tasks", "Bearer other", 401),
        ("/", "Bearer practice", 404),
    ],
)
def test_each_refusal_is_an_envelope(client, path, key, status):
    reply = client.http.get(client.origin + path, headers={"Authorization": key} if key else {})
    assert reply.status_code == status
    assert reply.json()["code"] == status


def test_the_balance_is_a_bare_number(client):
    reply = client.http.get(f"{client.origin}{API}/apikeys/current-balance", headers=KEY)
    assert isinstance(reply.json()["data"], float)


def test_a_submit_that_is_no_json_is_refused(client):
    url = f"{client.origin}{API}/generateTask/{MODEL}"
    text = json.dumps(body())
    assert client.http.post(url, data=text, headers=KEY).status_code == 400
    headers = KEY | {"Content-Type": "application/json; charset=utf-8"}
    assert client.http.post(url, data="{", headers=headers).status_code == 400
    assert client.http.post(url, data=text, headers=headers).status_code == 200


def test_a_page_under_a_name_of_its_own_is_refused(client):
    port = client.origin.rpartition(":")[2]
    headers = KEY | {"Host": f"evil.example:{port}"}
    reply = client.http.get(f"{client.origin}{API}/apikeys/current-balance", headers=headers)
    assert reply.status_code == 403


def test_more_tasks_than_allowed_are_refused_with_429(serve):
    client = serve(limits=Limits(tasks_at_once=2))
    prompt = "practice:fail X; practice:slow 600"
    assert [client.submit(body(prompt=prompt)).status_code for _ in range(3)] == [200, 200, 429]
    assert client.submit(body(prompt=prompt)).headers["Retry-After"] == "1"


def test_more_requests_a_minute_than_allowed_are_refused_with_429(serve, stepped):
    client = serve(clock=stepped, limits=Limits(requests_a_minute=3))
    assert [client.status("x").status_code for _ in range(4)] == [404, 404, 404, 429]
    assert int(client.status("x").headers["Retry-After"]) >= 60
    stepped.time += 61
    assert client.status("x").status_code == 404


def test_a_thousand_tasks_wait_in_six_threads(serve):
    before = threading.active_count()
    client = serve()
    prompt = "practice:fail X; practice:slow 600"
    task_ids = [client.submit(body(prompt=prompt)).json()["data"]["taskId"] for _ in range(1000)]
    assert threading.active_count() - before <= 6
    assert client.submit(body(prompt=prompt)).status_code == 429
    until(lambda: all(task.state == "processing" for task in client.service.tasks()))
    assert len(set(task_ids)) == 1000
    assert client.status(task_ids[-1]).json()["data"]["state"] == "processing"


# What prompts ask for.


def test_a_failing_prompt_fails_with_its_code(client):
    reply = client.submit(body(prompt="practice:fail CONTENT_VIOLATION not nice"))
    data = client.ended(reply.json()["data"]["taskId"])
    assert (data["failCode"], data["failMsg"]) == ("CONTENT_VIOLATION", "not nice")
    assert "resultJson" not in data


def test_a_slow_prompt_is_under_way_until_its_time_has_come(serve, stepped):
    client = serve(clock=stepped)
    prompt = "practice:slow 20; practice:fail X"
    task_id = client.submit(body(prompt=prompt)).json()["data"]["taskId"]
    until(lambda: client.service.tasks()[0].state == "processing")
    stepped.time += 19.5
    assert client.status(task_id).json()["data"]["state"] == "processing"
    stepped.time += 1
    data = client.ended(task_id)
    assert 20_000 <= data["costTime"] <= 20_500


@pytest.mark.parametrize(
    ("prompt", "status"), [("practice:credit", 402), ("practice:refuse 403 no", 403)]
)
def test_a_refusing_prompt_is_refused_and_nothing_accepted(client, prompt, status):
    reply = client.submit(body(prompt=prompt))
    assert (reply.status_code, reply.json()["code"]) == (status, status)
    assert client.service.counts["accepted"] == 0


def test_a_busy_prompt_is_refused_so_often_and_then_taken(client):
    replies = [client.submit(body(prompt="practice:busy 2", seed=seed)) for seed in (1, 1, 2, 1)]
    assert [reply.status_code for reply in replies] == [429, 429, 429, 200]
    assert replies[0].headers["Retry-After"] == "1"


def test_a_lost_answer_leaves_a_task_that_the_list_shows(client):
    with pytest.raises(OSError):
        client.submit(body(prompt="practice:lost", seed=5))
    reply = client.http.get(f"{client.origin}/practice/tasks", headers=KEY)
    (row,) = reply.json()["data"]
    assert row["seed"] == 5
    assert client.status(row["taskId"]).status_code == 200


def test_a_cut_result_comes_whole_the_second_time(client, picture, tiny_clip):
    reply = client.submit(body(client.put(picture), client.put(tiny_clip), prompt="practice:cut"))
    url = client.result(client.ended(reply.json()["data"]["taskId"]))
    with pytest.raises(OSError):
        _ = client.http.get(url).content
    whole = client.http.get(url).content
    rest = client.http.get(url, headers={"Range": "bytes=100-"})
    assert rest.status_code == 206
    assert rest.content == whole[100:]


def test_a_result_that_is_gone_answers_404(client, picture, tiny_clip):
    reply = client.submit(body(client.put(picture), client.put(tiny_clip), prompt="practice:gone"))
    url = client.result(client.ended(reply.json()["data"]["taskId"]))
    assert client.http.get(url).status_code == 404


def test_late_links_come_after_the_success(serve, stepped, picture, tiny_clip):
    client = serve(clock=stepped)
    prompt = "practice:late 5"
    reply = client.submit(body(client.put(picture), client.put(tiny_clip), prompt=prompt))
    task_id = reply.json()["data"]["taskId"]
    assert json.loads(client.ended(task_id)["resultJson"]) == {"resultUrls": []}
    stepped.time += 6
    assert client.result(client.ended(task_id)).endswith(".mp4")


def test_odd_answers_end_in_the_truth(client, picture, tiny_clip):
    reply = client.submit(body(client.put(picture), client.put(tiny_clip), prompt="practice:odd"))
    task_id = reply.json()["data"]["taskId"]
    assert client.status(task_id).json()["data"] is None
    until(lambda: client.service.tasks()[0].state == "success")
    told = [client.status(task_id).json()["data"]["resultJson"] for _ in range(4)]
    assert told[0] == ""
    assert told[-1]["resultUrls"]


# What it reads.


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "IMAGE_DOWNLOAD_FAILED"),
        (b"no picture", "UNSUPPORTED_FORMAT"),
        (b"<!DOCTYPE html><html></html>", "UNSUPPORTED_FORMAT"),
        (b"\x89PNG" + bytes(10_000_000), "IMAGE_TOO_LARGE"),
    ],
)
def test_a_picture_that_cannot_be_used_fails_the_task(client, tmp_path, tiny_clip, content, code):
    url = f"{client.origin}/files/none.png"
    if content is not None:
        (tmp_path / "given.png").write_bytes(content)
        url = client.put(tmp_path / "given.png")
    reply = client.submit(body(url, client.put(tiny_clip)))
    assert client.ended(reply.json()["data"]["taskId"])["failCode"] == code


def test_a_clip_that_is_none_fails_the_task(client, picture, tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"\0" * 4000)
    url = client.put(tmp_path / "clip.mp4")
    data = client.ended(client.submit(body(client.put(picture), url)).json()["data"]["taskId"])
    assert data["failCode"] == "UNSUPPORTED_FORMAT"


def test_an_address_inside_a_network_is_not_read(client, picture):
    url = "http://10.255.255.1/m.mp4"
    data = client.ended(client.submit(body(client.put(picture), url)).json()["data"]["taskId"])
    assert data["failCode"] == "VIDEO_DOWNLOAD_FAILED"
