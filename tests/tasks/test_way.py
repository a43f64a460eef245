"""The way of a request: from media to a file, once, however often it is asked for."""

from __future__ import annotations

import json

from apixo_wan_animate.utils.tasks.states import State

from .world import outcome, request


def test_a_request_becomes_a_file_with_a_sidecar(world):
    result = outcome(world.service().start(request(prompt="a cat", seed=7)))
    assert result.row.state is State.COLLECTED
    assert result.file.stat().st_size > 0
    said = json.loads(result.file.with_suffix(".json").read_text())
    assert said["task_id"] == result.row.task_id
    assert said["request"]["prompt"] == "a cat"
    assert said["billable_seconds"] == 5
    assert (world.submits, world.accepted) == (1, 1)
