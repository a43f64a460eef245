"""Whatever is posted to the settings' routes is taken, or refused with words and a 4xx."""

from __future__ import annotations

import json

from apixo_wan_animate.nodes.routes import PREFIX
from apixo_wan_animate.utils.settings import VARIABLES
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

SERVER_ONCE = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture]  # one server meets them all
)

plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
)
changes = st.dictionaries(st.sampled_from([*VARIABLES, "else"]), values, max_size=3)
bodies = (
    st.binary(max_size=100)
    | values.map(json.dumps).map(str.encode)
    | st.fixed_dictionaries({"changes": changes | values}).map(json.dumps).map(str.encode)
)
KIND = {"Content-Type": "application/json"}


@SERVER_ONCE
@given(bodies)
@example(b'{"changes": {"daily_seconds": ' + b"9" * 5000 + b"}}")
@example(b"[" * 50_000)
@example(b'{"changes": {"output": "\\ud800"}}')
def test_any_body_of_the_settings_is_taken_or_refused_in_words(server, body):
    reply = server.http.post(
        f"{server.origin}{PREFIX}/settings", data=body, headers=KIND, timeout=30
    )
    assert reply.status_code == 200 or 400 <= reply.status_code < 500, reply.text
    assert ("error" in reply.json()) == (reply.status_code != 200)


@SERVER_ONCE
@given(
    st.fixed_dictionaries({"row": values, "task_id": values}).map(json.dumps)
    | values.map(json.dumps)
)
@example('{"row": ' + "9" * 4000 + ', "task_id": "a"}')
@example('{"row": 9223372036854775808, "task_id": "a"}')
def test_any_body_about_a_row_is_refused_in_words(server, body):
    for what in ("adopt", "abandon", "forget", "collect"):
        reply = server.http.post(
            f"{server.origin}{PREFIX}/tasks/{what}", data=body, headers=KIND, timeout=30
        )
        assert 400 <= reply.status_code < 500, (what, reply.status_code, reply.text)
        assert reply.json()["error"]
