"""Whatever stands in the settings' files or in the environment, only errors of ours come out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from apixo_wan_animate.utils.errors import SettingsError
from apixo_wan_animate.utils.setting_values import Secret
from apixo_wan_animate.utils.settings import VARIABLES, Settings, SettingsStore, public_view
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

FOLDER_ONCE = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture]  # each example writes anew
)

words = st.sampled_from(
    ["1", "0", "on", "true", "", " ", "https://a.example", "https://[", "http://a:99999", "s3://b/p",
     "s3://", "az://c", "0.05", "1e400", "NaN", "-0", "²", "٣", "sk-abcdef0123456789",
     "wan_animate",
     "../x", "C:\\x", "a//b", "con.txt", "a" * 300, "\ud800", "é", "x\0y", "9" * 5000, "1_000",
     "http://[::1]:8188", "https://a.example?x", "https://user@a.example", "Infinity"]
)  # fmt: skip
texts = words | st.text(max_size=60)
plain = st.none() | st.booleans() | st.integers() | st.floats() | texts
names = st.sampled_from([*VARIABLES, "unknown"])
stored = st.dictionaries(names, plain | st.lists(plain, max_size=2), max_size=8)
environments = st.dictionaries(st.sampled_from(list(VARIABLES.values())), texts, max_size=8)


def read(folder: Path, environ: dict[str, str]) -> None:
    """Load the settings; they are of the right kinds, or the error is ours."""
    try:
        found = SettingsStore(folder, environ).load()
    except SettingsError as error:
        assert len(str(error)) > 20
        return
    assert isinstance(found, Settings)
    assert found.api_key is None or isinstance(found.api_key, Secret)
    assert found.base_url.isascii()
    assert 0.05 <= found.wait_minutes <= 10_080
    assert found.daily_seconds is None or 0 <= found.daily_seconds < 10**9
    assert ".." not in Path(found.output).parts
    assert not Path(found.output).is_absolute()
    json.dumps(public_view(found))


@FOLDER_ONCE
@given(environments)
@example({"APIXO_WAN_DAILY_SECONDS": "²"})
@example({"APIXO_WAN_PRICE_480P": "9" * 5000})
@example({"APIXO_WAN_DAILY_SECONDS": "9" * 5000})
def test_any_environment_gives_settings_or_an_error_of_ours(tmp_path, environ):
    read(tmp_path, environ)


@FOLDER_ONCE
@given(stored.map(json.dumps).map(str.encode) | st.binary(max_size=200))
@example(b"[" * 200_000)
@example(b'{"daily_seconds": ' + b"9" * 5000 + b"}")
@example(b'{"price_480p": 1e999}')
@example(b'{"price_480p": ' + b"9" * 4000 + b"}")
def test_any_content_of_the_file_gives_settings_or_an_error_of_ours(tmp_path, content):
    (tmp_path / "settings.json").write_bytes(content)
    read(tmp_path, {})


@FOLDER_ONCE
@given(st.binary(max_size=100) | stored.map(json.dumps).map(str.encode))
def test_any_content_of_the_credentials_gives_settings_or_an_error_of_ours(tmp_path, content):
    (tmp_path / "credentials.json").write_bytes(content)
    read(tmp_path, {})


@FOLDER_ONCE
@given(
    st.dictionaries(names | st.text(max_size=9), plain | st.lists(plain, max_size=2), max_size=4)
)
@example({"daily_seconds": 10**5000})
def test_changes_are_kept_so_that_they_can_be_read_again_or_refused_whole(tmp_path, changes):
    store = SettingsStore(tmp_path, {})
    (tmp_path / "settings.json").unlink(missing_ok=True)
    try:
        kept = store.save(changes)
    except SettingsError:
        assert not (tmp_path / "settings.json").exists()
        return
    assert store.load() == kept
    with pytest.raises(SettingsError):
        store.save({**changes, "base_url": "https://elsewhere.example"})
    assert store.load() == kept
