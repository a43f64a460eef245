"""What stands under a node after its job: an error, a task that goes on."""

from __future__ import annotations

import re

import pytest
from running_comfyui import succeeded

pytestmark = pytest.mark.comfyui

RENDERERS = pytest.mark.parametrize("nodes_2", [False, True], ids=["canvas", "nodes 2.0"])
SET_WIDGETS = (
    "([prompt, seed]) => { const node = app.graph._nodes.find("
    "  node => node.type === 'ApixoWanAnimate');"
    "  node.widgets.find(w => w.name === 'prompt').value = prompt;"
    "  node.widgets.find(w => w.name === 'seed').value = seed; }"
)


@RENDERERS
def test_the_reason_of_an_error_stands_under_the_node(practising, open_page, nodes_2):
    page = open_page(practising)
    page.use_nodes_2(nodes_2)
    page.load_template("Replace a person in footage")
    page.run(SET_WIDGETS, ["practice:fail NSFW_DETECTED", 8100 + nodes_2])
    assert not succeeded(page.run_to_the_end())
    page.close_dialogs()
    line = page.page.get_by_text(re.compile("NSFW_DETECTED")).first
    line.wait_for()
    page.page.wait_for_timeout(1500)  # the page clears its lines when the job ends
    assert line.is_visible()


@RENDERERS
def test_a_cancelled_node_says_that_its_task_goes_on(practising, open_page, nodes_2):
    page = open_page(practising)
    page.use_nodes_2(nodes_2)
    page.load_template("Replace a person in footage")
    page.run(SET_WIDGETS, ["practice:slow 6", 8110 + nodes_2])
    page.press_run()
    page.page.get_by_text(re.compile(r"waiting 0:0\d")).first.wait_for()
    practising.interrupt()
    line = page.page.get_by_text(re.compile("practice-.* goes on")).first
    line.wait_for()
    page.page.wait_for_timeout(1500)
    assert line.is_visible()


@RENDERERS
def test_a_line_belongs_to_its_workflow_and_comes_back_with_it(practising, open_page, nodes_2):
    page = open_page(practising)
    page.use_nodes_2(nodes_2)
    page.load_template("Replace a person in footage")
    page.run(SET_WIDGETS, ["practice:slow 5", 8120 + nodes_2])
    page.press_run()
    page.page.get_by_text(re.compile(r"waiting 0:0\d")).first.wait_for()
    page.load_template("Animate a picture")
    page.wait_for(practising.is_idle)
    page.page.wait_for_timeout(1500)
    line = page.page.get_by_text(re.compile("nothing was billed"))
    assert line.count() == 0
    page.page.get_by_text("Replace a person in").first.click()
    line.first.wait_for()
