"""The routes of tasks: the list, what a user decides about a row, prices, thumbnails."""

from __future__ import annotations

import pytest
from apixo_wan_animate.nodes import _host as host
from apixo_wan_animate.nodes.routes import PREFIX
from apixo_wan_animate.utils.ledger.states import State
from route_rows import add_row, ledger_of

SECRET = "marked-secret-key-0123456789"


def test_the_list_holds_every_row_and_then_only_what_is_new(server, tmp_path):
    ledger = ledger_of(tmp_path)
    for number in range(3):
        add_row(ledger, number)
    first = server.get(f"{PREFIX}/tasks").json()
    assert [first["count"], len(first["rows"]), first["whole"]] == [3, 3, True]
    row = first["rows"][0]
    assert (row["state"], row["fail_code"], len(row["prompt"])) == ("failed", "NSFW", 200)
    assert server.get(f"{PREFIX}/tasks?since={first['revision']}").json()["rows"] == []
    add_row(ledger, 9)
    news = server.get(f"{PREFIX}/tasks?since={first['revision']}").json()
    assert [news["count"], len(news["rows"]), news["whole"]] == [4, 1, False]


def test_the_newest_few_are_there_before_the_rest(server, tmp_path):
    ledger = ledger_of(tmp_path)
    ids = [add_row(ledger, number).id for number in range(4)]
    few = server.get(f"{PREFIX}/tasks?newest=2").json()
    assert [row["id"] for row in few["rows"]] == [ids[3], ids[2]]
    assert (few["count"], few["whole"]) == (4, False)
    assert server.get(f"{PREFIX}/tasks?newest=x").status_code == 400


def test_the_list_says_nothing_of_links_tokens_and_digests(server, tmp_path):
    add_row(ledger_of(tmp_path), 1, character="secretdigest", token_digest="secrettoken")
    text = server.get(f"{PREFIX}/tasks").text
    for word in ("secretdigest", "secrettoken", "result_urls", "fingerprint", "owner"):
        assert word not in text


def test_thousands_of_rows_are_listed_whole(server, tmp_path):
    ledger = ledger_of(tmp_path)
    row = add_row(ledger, 1)
    with ledger._database.write() as db:
        copy_row(db, row, count=2_499)
    listed = server.get(f"{PREFIX}/tasks").json()
    assert listed["count"] == len({row["id"] for row in listed["rows"]}) == 2_500


def copy_row(db, row, *, count):
    """Many rows like one that was written properly."""
    found = [column["name"] for column in db.execute("PRAGMA table_info(tasks)")]
    kept = [name for name in found if name not in {"id", "revision", "task_id"}]
    columns = ", ".join(kept)
    db.executemany(
        f"INSERT INTO tasks (revision, task_id, {columns}) "
        f"SELECT ?, ?, {columns} FROM tasks WHERE id = ?",
        [(10 + number, f"copy-{number}", row.id) for number in range(count)],
    )


@pytest.mark.parametrize("since", ["-1", "x", "1.5", "9" * 30, "²"])
def test_a_revision_that_is_none_is_refused(server, since):
    assert server.get(f"{PREFIX}/tasks", params={"since": since}).status_code == 400


def test_an_unknown_row_is_abandoned_on_the_users_word_and_pages_hear_of_it(server, tmp_path):
    row = add_row(ledger_of(tmp_path), 1, state=State.UNKNOWN)
    assert server.post(f"{PREFIX}/tasks/abandon", {"row": row.id}).status_code == 200
    listed = server.get(f"{PREFIX}/tasks").json()["rows"]
    assert listed[0]["state"] == "abandoned"
    assert any(name == "apixo.tasks" for name, _ in host.state.events)


def test_an_unknown_row_is_not_forgotten_by_the_page(server, tmp_path):
    row = add_row(ledger_of(tmp_path), 1, state=State.UNKNOWN)
    reply = server.post(f"{PREFIX}/tasks/forget", {"row": row.id})
    assert reply.status_code == 400
    assert "abandon" in reply.json()["error"]


def test_a_failed_row_is_forgotten_and_its_seconds_stay(server, tmp_path):
    row = add_row(ledger_of(tmp_path), 1)
    before = server.get(f"{PREFIX}/spending").json()["days"]
    assert server.post(f"{PREFIX}/tasks/forget", {"row": row.id}).status_code == 200
    assert server.get(f"{PREFIX}/tasks").json()["count"] == 0
    assert server.get(f"{PREFIX}/spending").json()["days"] == before
    assert before[0]["seconds"] == 7


@pytest.mark.parametrize("verb", ["collect", "abandon", "forget"])
def test_a_row_that_is_not_there_is_404(server, verb):
    assert server.post(f"{PREFIX}/tasks/{verb}", {"row": 77}).status_code == 404


def test_collecting_now_says_when_there_is_no_key_to_ask_with(server, tmp_path):
    row = add_row(ledger_of(tmp_path), 1, state=State.SUBMITTED)
    reply = server.post(f"{PREFIX}/tasks/collect", {"row": row.id})
    assert reply.status_code == 400
    assert "no APIXO key" in reply.json()["error"]


@pytest.mark.parametrize("task_id", ["", "a/b", "a b", "ä", "x" * 300])
def test_a_malformed_id_is_not_adopted(server, tmp_path, task_id):
    row = add_row(ledger_of(tmp_path), 1, state=State.UNKNOWN)
    reply = server.post(f"{PREFIX}/tasks/adopt", {"row": row.id, "task_id": task_id})
    assert reply.status_code == 400
    assert server.get(f"{PREFIX}/tasks").json()["rows"][0]["state"] == "unknown"


def test_prices_are_told_as_they_were_typed(server):
    server.post(f"{PREFIX}/settings", {"changes": {"price_720p": "0.080"}})
    assert server.get(f"{PREFIX}/spending").json()["prices"] == {"480p": None, "720p": "0.080"}


def test_a_thumbnail_is_given_and_nothing_else_of_the_folder(server, tmp_path):
    ledger = ledger_of(tmp_path)
    row = add_row(ledger, 1)
    folder = tmp_path / "state" / "thumbnails"
    folder.mkdir()
    (folder / "fox.jpg").write_bytes(b"\xff\xd8picture")
    path = f"{PREFIX}/tasks/thumbnail/{row.id}"
    assert server.get(path).status_code == 404
    ledger.note(row.id, thumbnail="fox.jpg")
    assert server.get(path).content == b"\xff\xd8picture"
    for name in ("../ledger.sqlite", "../credentials.json", str(folder / "fox.jpg")):
        (tmp_path / "state" / "credentials.json").write_text(SECRET)
        ledger.note(row.id, thumbnail=name)
        assert SECRET not in server.get(path).text
    for wrong in ("0", "-1", "x", "9" * 40, "1%2f.."):
        assert server.get(f"{PREFIX}/tasks/thumbnail/{wrong}").status_code == 404
