"""What a test can make of single requests, seen from the other side of the wire."""

from __future__ import annotations

import threading

import pytest
import requests
from apixo_wan_animate.utils.practice import faults
from apixo_wan_animate.utils.practice.faults import FaultPlan

from .caller import API, KEY, body

PROMPT = "practice:fail X; practice:slow 600"
BALANCE = f"{API}/apikeys/current-balance"


@pytest.fixture
def plan():
    return FaultPlan()


@pytest.fixture
def faulty(serve, plan):
    return serve(faults=plan)


@pytest.mark.parametrize("fault", [faults.lost, faults.reset_after])
def test_the_answer_is_lost_and_the_submit_accepted(faulty, plan, fault):
    plan.add("submit", fault)
    with pytest.raises(requests.ConnectionError):
        faulty.submit(body(prompt=PROMPT))
    counts = faulty.service.counts
    assert (counts["submit"], counts["accepted"]) == (1, 1)


@pytest.mark.parametrize("fault", [faults.reset_before, faults.closed])
def test_the_connection_breaks_and_nothing_is_accepted(faulty, plan, fault):
    plan.add("submit", fault)
    with pytest.raises(requests.ConnectionError):
        faulty.submit(body(prompt=PROMPT))
    counts = faulty.service.counts
    assert (counts["submit"], counts["accepted"]) == (1, 0)


def test_a_reset_is_a_reset(faulty, plan):
    plan.add("balance", faults.reset_after)
    with pytest.raises(requests.ConnectionError) as caught:
        faulty.http.get(faulty.origin + BALANCE, headers=KEY)
    assert "reset" in str(caught.value).lower() or "10054" in str(caught.value)


def test_something_else_is_answered_and_nothing_accepted(faulty, plan):
    plan.add("submit", faults.instead(502, html=True))
    plan.add("submit", faults.instead(429, headers={"Retry-After": "7"}))
    plan.add("submit", faults.instead(200, {"code": 500, "message": "no", "data": None}))
    first, second, third = (faulty.submit(body(prompt=PROMPT)) for _ in range(3))
    assert (first.status_code, first.headers["Content-Type"][:9]) == (502, "text/html")
    assert (second.status_code, second.headers["Retry-After"]) == (429, "7")
    assert (third.status_code, third.json()["code"]) == (200, 500)
    assert faulty.service.counts["accepted"] == 0
    assert plan.left == 0


def test_the_answer_can_be_replaced_or_edited(faulty, plan):
    plan.add("submit", faults.replaced(200, "<html>", html=True))
    plan.add("submit", faults.edited(lambda answer: answer["data"].pop("taskId") and None))
    plan.add("submit", faults.edited(lambda answer: {"code": 200, "data": None}))
    assert faulty.submit(body(prompt=PROMPT)).text == "<html>"
    assert faulty.submit(body(prompt=PROMPT)).json()["data"] == {}
    assert faulty.submit(body(prompt=PROMPT)).json()["data"] is None
    assert faulty.service.counts["accepted"] == 3


def test_a_file_is_cut_corrupt_redirected_and_whole_again(faulty, plan, tmp_path):
    (tmp_path / "data.mp4").write_bytes(b"0123456789" * 100)
    url = faulty.put(tmp_path / "data.mp4")
    plan.add("file", faults.cut(300))
    with pytest.raises(requests.RequestException):
        _ = faulty.http.get(url).content
    plan.add("file", faults.corrupt)
    wrong = faulty.http.get(url)
    assert (wrong.status_code, len(wrong.content)) == (200, 1000)
    assert wrong.content != b"0123456789" * 100
    plan.add("file", faults.redirect(f"{faulty.origin}/files/none.mp4"))
    assert faulty.http.get(url).status_code == 404
    assert faulty.http.get(url).content == b"0123456789" * 100


def test_faults_can_be_counted_skipped_and_aimed(faulty, plan):
    plan.add("status", faults.instead(500), times=2, skip=1)
    assert [faulty.status("x").status_code for _ in range(4)] == [404, 500, 500, 404]
    plan.add("file", faults.instead(503), path="other", times=1)
    assert faulty.http.get(f"{faulty.origin}/files/this.mp4").status_code == 404
    assert faulty.http.get(f"{faulty.origin}/files/other.mp4").status_code == 503
    with pytest.raises(ValueError, match="nowhere"):
        plan.add("nowhere", faults.lost)


def test_an_answer_can_be_held_back(faulty, plan):
    release, answered = threading.Event(), threading.Event()
    plan.add("balance", faults.held(release, limit_s=300))

    def ask():
        requests.get(faulty.origin + BALANCE, headers=KEY, timeout=60)
        answered.set()

    thread = threading.Thread(target=ask)
    thread.start()
    assert not answered.wait(0.1)
    release.set()
    assert answered.wait(60)
    thread.join()
