"""Published files: what is there, for how long, and across restarts."""

from __future__ import annotations

import os
import subprocess
import threading

import pytest
from apixo_wan_animate.utils.errors import InputError, SettingsError, Stopped
from apixo_wan_animate.utils.hosting.published import FileRequest, PublishedFiles
from apixo_wan_animate.utils.hosting.secret_file import own_secret

HOUR_S = 3600.0


@pytest.fixture
def published(tmp_path, clock):
    return PublishedFiles(tmp_path / "state", clock)


@pytest.fixture
def publish(published, clock, make_file, quiet, stop):
    def publish(size_bytes=5000, extension=".mp4", life_s=HOUR_S):
        return published.publish(
            make_file(size_bytes), extension=extension, expires_at=clock.now() + life_s,
            progress=quiet, stop=stop,
        )  # fmt: skip

    return publish


def get(published, token, **more):
    return published.answer(FileRequest("GET", token, **more))


def test_a_link_opens_exactly_the_file(published, publish, clock, make_file):
    token = published.token(publish(70001), expires_at=clock.now() + HOUR_S)
    answer = get(published, token)
    assert answer.status == 200
    assert answer.file.read_bytes() == make_file(70001).read_bytes()
    assert (answer.window.start, answer.window.length) == (0, 70001)
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Content-Length"] == "70001"
    assert answer.headers["Cache-Control"] == "no-store"
    assert token.endswith(".mp4")


def test_a_link_survives_a_restart(published, publish, clock, tmp_path):
    token = published.token(publish(), expires_at=clock.now() + HOUR_S)
    assert get(PublishedFiles(tmp_path / "state", clock), token).status == 200


def test_a_link_dies_at_its_hour_and_a_fresh_one_lives(published, publish, clock):
    name = publish()
    old = published.token(name, expires_at=clock.now() + HOUR_S)
    clock.offset_s = HOUR_S - 5
    assert get(published, old).status == 200
    fresh = published.token(name, expires_at=clock.now() + HOUR_S)
    clock.offset_s = HOUR_S + 5
    assert get(published, old).status == 404
    assert get(published, fresh).status == 200


def test_copies_are_swept_only_after_their_last_link(published, publish, clock, tmp_path):
    first, second = publish(), publish(life_s=10)
    folder = tmp_path / "state" / "published"
    published.token(first, expires_at=clock.now() + 3 * HOUR_S)
    clock.offset_s = 2 * HOUR_S
    third = publish(life_s=3 * HOUR_S)
    assert (folder / second).exists(), "one look at the clock is not enough"
    clock.offset_s = 3 * HOUR_S - 5
    fourth = publish(life_s=3 * HOUR_S)
    clock.offset_s = 3 * HOUR_S - 2
    fifth = publish(life_s=3 * HOUR_S)
    assert (folder / second).exists(), "the second one has to be an hour later"
    assert (folder / first).exists()
    clock.offset_s = 4.5 * HOUR_S
    sixth = publish()
    assert not (folder / second).exists()
    assert {first, third, fourth, fifth, sixth} <= {p.name for p in folder.iterdir()}


@pytest.mark.parametrize("days", [2, 40 * 365])
def test_one_wrong_moment_of_the_clock_takes_no_living_file(published, publish, clock, days):
    name = publish(life_s=24 * HOUR_S)
    token = published.token(name, expires_at=clock.now() + 24 * HOUR_S)
    for hours in range(0, 20, 4):
        clock.offset_s = days * 24 * HOUR_S
        publish()
        clock.offset_s = hours * HOUR_S
        assert get(published, token).status == 200
        publish()
    clock.offset_s = 20 * HOUR_S
    assert get(published, token).status == 200


def test_a_file_of_a_fresh_link_begins_anew(published, publish, clock):
    name = publish(life_s=10)
    clock.offset_s = HOUR_S
    publish()
    token = published.token(name, expires_at=clock.now() + 24 * HOUR_S)
    clock.offset_s = 48 * HOUR_S
    publish()  # a wrong moment
    clock.offset_s = 2 * HOUR_S
    assert get(published, token).status == 200


@pytest.mark.parametrize("days", [0, 2, 40 * 365])
def test_everything_goes_at_last(published, publish, clock, tmp_path, days):
    """Also what a clock far ahead has seen first, and what a crash left half copied."""
    folder = tmp_path / "state" / "published"
    name, gone = publish(life_s=10), publish(life_s=10)
    (folder / f"{name}.part").write_bytes(b"half")
    clock.offset_s = days * 24 * HOUR_S + HOUR_S
    publish(life_s=10)
    (folder / gone).unlink()
    for hours in (48, 72, 96):
        clock.offset_s = hours * HOUR_S
        last = publish()
    assert not [p for p in folder.iterdir() if p.name.startswith((name, gone))]
    assert (folder / last).exists()


def test_a_withdrawn_file_is_gone(published, publish, clock, tmp_path):
    name = publish()
    token = published.token(name, expires_at=clock.now() + HOUR_S)
    published.withdraw(name)
    published.withdraw(name)
    assert get(published, token).status == 404
    assert published.token(name, expires_at=clock.now() + HOUR_S) is None
    assert list((tmp_path / "state" / "published").iterdir()) == []


def test_the_source_may_change_or_go_after_it_was_published(published, publish, clock, tmp_path):
    token = published.token(publish(5000), expires_at=clock.now() + HOUR_S)
    (tmp_path / "clip.bin").unlink()
    assert get(published, token).file.stat().st_size == 5000


def test_stopping_in_the_middle_leaves_nothing(published, make_file, clock, stop, tmp_path):
    def progress(sent, total):
        if sent >= total // 2:
            stop.set()

    with pytest.raises(Stopped):
        published.publish(
            make_file(8_000_000), extension=".mp4", expires_at=clock.now() + HOUR_S,
            progress=progress, stop=stop,
        )  # fmt: skip
    assert list((tmp_path / "state" / "published").iterdir()) == []


@pytest.mark.parametrize("extension", [".html", ".svg", "", ".mp4/..", "mp4", ".MP4"])
def test_only_media_can_be_published(publish, extension):
    with pytest.raises(InputError):
        publish(extension=extension)


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX's")
def test_the_secret_and_the_folder_are_their_owners_alone(published, publish, clock, tmp_path):
    published.token(publish(), expires_at=clock.now() + HOUR_S)
    key = tmp_path / "state" / "published.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state" / "published").stat().st_mode & 0o777 == 0o700
    key.chmod(0o644)
    own_secret(key)
    assert key.stat().st_mode & 0o777 == 0o600


def test_threads_that_make_the_secret_at_once_get_the_same(tmp_path):
    gate = threading.Barrier(16)
    got = []

    def make():
        gate.wait()
        got.append(own_secret(tmp_path / "new" / "a.key"))

    threads = [threading.Thread(target=make) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == 1
    assert len(got) == 16
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.key"]


def test_processes_that_make_the_secret_at_once_get_the_same(tmp_path, child_command):
    script = (
        "import pathlib\n"
        "from apixo_wan_animate.utils.hosting.secret_file import own_secret\n"
        "sys.stdin.read(); print(own_secret(pathlib.Path(sys.argv[1])).hex())"
    )
    command = child_command(script, str(tmp_path / "a.key"))
    pipe = subprocess.PIPE
    children = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    for child in children:
        child.stdin.close()
    printed = {child.stdout.read() for child in children}
    for child in children:
        child.wait()
        child.stdout.close()
    assert len(printed) == 1
    assert len(printed.pop().strip()) == 64


def test_a_damaged_secret_is_named_and_not_replaced(tmp_path):
    path = tmp_path / "a.key"
    path.write_bytes(b"short")
    with pytest.raises(SettingsError, match="damaged"):
        own_secret(path)
    assert path.read_bytes() == b"short"
