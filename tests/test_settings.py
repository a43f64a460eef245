"""Settings: the environment wins, secrets lie apart, and each bad value says what to write."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from apixo_wan_animate.utils.errors import SettingsError
from apixo_wan_animate.utils.settings import Secret, SettingsStore, parse_key, public_view
from filelock import FileLock

PACK = Path(__file__).resolve().parent.parent
KEY = "sk-marked-0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "word"),
    [("", "blank"), ("   \n", "blank"), ("sk-a b", "space"), ("sk-a\tb", "space"),
     ("sk-ключ", "ASCII"), ("sk-a\x00b", "line break")],
)  # fmt: skip
def test_a_key_that_cannot_be_one_is_refused_in_two_sentences(text, word):
    with pytest.raises(SettingsError, match=word) as caught:
        parse_key(text)
    assert str(caught.value).count(". ") >= 1


def test_a_pasted_key_loses_the_space_around_it():
    assert parse_key(f"  {KEY}\n").reveal() == KEY


def test_a_secret_shows_itself_in_no_representation():
    secret = Secret(KEY)
    shown = f"{secret} {secret!r} {[secret]} {secret.tail}"
    assert KEY not in shown
    assert KEY[:-4] not in shown
    assert Secret("short").tail == "…"


def test_the_environment_wins_over_the_file(tmp_path):
    SettingsStore(tmp_path, {}).save({"practice": True, "wait_minutes": 5})
    settings = SettingsStore(tmp_path, {"APIXO_WAN_WAIT_MINUTES": "7"}).load()
    assert settings.practice is True
    assert settings.wait_minutes == 7


def test_what_the_environment_decides_cannot_be_saved_and_the_variable_is_named(tmp_path):
    store = SettingsStore(tmp_path, {"APIXO_WAN_PRACTICE": "0", "APIXO_API_KEY": KEY})
    with pytest.raises(SettingsError, match="APIXO_WAN_PRACTICE"):
        store.save({"practice": True})
    with pytest.raises(SettingsError, match="APIXO_API_KEY"):
        store.save_key(Secret("other"))


@pytest.mark.parametrize("name", ["base_url", "api_key", "nonsense", "practice\n"])
def test_a_page_can_write_neither_the_address_nor_the_key_nor_the_unknown(tmp_path, name):
    with pytest.raises(SettingsError):
        SettingsStore(tmp_path, {}).save({name: "https://neighbour.example"})
    assert SettingsStore(tmp_path, {}).load().base_url == "https://api.apixo.ai"


def test_an_address_smuggled_into_the_file_is_not_read(tmp_path):
    (tmp_path / "settings.json").write_text('{"base_url": "https://neighbour.example"}')
    assert SettingsStore(tmp_path, {}).load().base_url == "https://api.apixo.ai"


def test_the_key_lies_apart_and_only_its_owner_can_read_it(tmp_path):
    store = SettingsStore(tmp_path, {})
    store.save_key(Secret(KEY))
    store.save({"store": "s3://bucket/prefix"})
    assert KEY not in (tmp_path / "settings.json").read_text()
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "credentials.json").stat().st_mode) == 0o600
    assert store.load().api_key == Secret(KEY)
    assert KEY not in json.dumps(public_view(store.load()))
    store.save_key(None)
    assert store.load().api_key is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("practice", "maybe"), ("price_480p", "cheap"), ("price_480p", "NaN"), ("price_720p", -1),
     ("daily_seconds", "1.5"), ("daily_seconds", -3), ("wait_minutes", 0), ("wait_minutes", "nan"),
     ("public_url", "example.org"), ("public_url", "https://u:p@example.org"),
     ("public_url", "ftp://example.org"), ("public_url", "https://example.org/?a=1"),
     ("store", "bucket"), ("store", "s3:///prefix"), ("callback", "http://example.org/hook"),
     ("output", "../elsewhere"), ("output", "/etc"), ("output", "C:\\x"), ("output", "nul"),
     ("output", "a//b"), ("output", "x" * 300), ("temporary_host", [1]), ("store", {"a": 1})],
)  # fmt: skip
def test_a_malformed_value_is_refused_and_nothing_is_written(tmp_path, name, value):
    with pytest.raises(SettingsError) as caught:
        SettingsStore(tmp_path, {}).save({name: value})
    assert len(str(caught.value)) < 400
    assert not (tmp_path / "settings.json").exists()


def test_good_values_come_back_as_they_were_meant(tmp_path):
    store = SettingsStore(tmp_path, {})
    settings = store.save(
        {"price_480p": "0.05", "daily_seconds": 600, "callback": "1", "output": "films\\wan",
         "public_url": "https://example.org/", "temporary_host": True}
    )  # fmt: skip
    assert settings.price_480p == Decimal("0.05")
    assert settings.daily_seconds == 600
    assert settings.callback == "1"
    assert settings.output == "films/wan"
    assert settings.public_url == "https://example.org"
    assert settings.temporary_host is True
    cleared = store.save({"price_480p": "", "daily_seconds": None})
    assert cleared.price_480p is None
    assert cleared.daily_seconds is None


@pytest.mark.parametrize("content", ["{", "[]", '"x"', "[" * 100_000, " " * 300_000, "\udcff"])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "settings.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(SettingsError, match=r"settings\.json"):
        SettingsStore(tmp_path, {}).load()


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(SettingsError, match=r"settings\.json cannot be"):
        SettingsStore(blocked / "state", {}).save({"practice": True})


SAVED_AT_ONCE = {
    "daily_seconds": lambda n: str(100 + n),
    "output": lambda n: f"films{n}",
    "price_480p": lambda n: f"0.{n + 1}1",
}


def test_settings_saved_at_once_by_several_stores_of_a_folder_are_all_kept(tmp_path):
    """The page's routes make a store for each request."""
    with ThreadPoolExecutor(len(SAVED_AT_ONCE)) as pool:
        for n in range(20):
            ready = threading.Barrier(len(SAVED_AT_ONCE))

            def save(name, value, ready=ready):
                store = SettingsStore(tmp_path, {})
                ready.wait(10)
                store.save({name: value})

            wanted = {name: value(n) for name, value in SAVED_AT_ONCE.items()}
            list(pool.map(save, wanted, wanted.values()))
            assert json.loads((tmp_path / "settings.json").read_text()) == wanted


WRITER = """
import sys, types
from pathlib import Path
pack = types.ModuleType("p"); pack.__path__ = [sys.argv[1]]; sys.modules["p"] = pack
from p.utils.settings import SettingsStore
store = SettingsStore(Path(sys.argv[2]), {})
print("ready", flush=True)
sys.stdin.readline()
for n in range(40):
    store.save({sys.argv[3]: str(n + 1)})
    assert store.load().__dict__[sys.argv[3]] == n + 1, "somebody took it back"
"""


def test_settings_saved_at_once_by_two_processes_are_all_kept(tmp_path):
    names = ("daily_seconds", "wait_minutes")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(PACK), str(tmp_path), name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for name in names
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0]
    settings = SettingsStore(tmp_path, {}).load()
    assert (settings.daily_seconds, settings.wait_minutes) == (40, 40)


@pytest.mark.parametrize(
    "save", [lambda store: store.save({"practice": True}), lambda store: store.save_key(None)]
)
def test_settings_that_somebody_else_writes_for_long_are_a_clear_error(tmp_path, save):
    store = SettingsStore(tmp_path, {}, patience_s=0.2)
    store.save({"output": "films"})
    with FileLock(tmp_path / "settings.lock"):
        with pytest.raises(SettingsError, match=r"held.*\. ") as caught:
            save(store)
        assert store.load().output == "films", "reading waits for nobody"
    assert str(caught.value).count(". ") == 1
    save(store)
