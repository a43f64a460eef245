"""What a newcomer meets, from the first look to the finished practice result."""

from __future__ import annotations

import re
import shutil

import pytest
import requests
from running_comfyui import PACK, error_of, install_pack, running, succeeded

pytestmark = pytest.mark.comfyui

TEMPLATES = sorted(path.stem for path in (PACK / "example_workflows").glob("*.json"))


def test_from_no_key_to_a_finished_practice_result(newcomer, open_page):
    page = open_page(newcomer)
    page.page.get_by_role("button", name="Templates").first.click()
    dialog = page.page.locator("[role=dialog]").last
    dialog.get_by_text("Wan Animate (APIXO)").first.click()
    dialog.get_by_text("Replace a person in footage").first.click()
    page.wait_until("app.graph._nodes.some(node => node.type === 'ApixoWanAnimate')")

    # Its files are there, and nothing is red.
    page.wait_for(lambda: (newcomer.base / "input" / "wan_animate_walk.mp4").is_file())
    page.page.wait_for_timeout(1000)
    assert page.run("app.graph._nodes.every(node => !node.has_errors)")

    # Without a key the node says what to do, and the panel has a button for it.
    entry = page.run_to_the_end()
    assert not succeeded(entry)
    assert "APIXO key" in error_of(entry)
    assert "practice mode" in error_of(entry)
    page.close_dialogs()
    panel = page.open_panel()
    panel.get_by_role("button", name="Switch practice mode on").click()
    panel.locator(".apixo-setup").wait_for(state="hidden")

    entry = page.run_to_the_end()
    assert succeeded(entry), error_of(entry)
    finished = panel.locator(".apixo-finished")
    finished.wait_for()
    assert finished.locator(".apixo-practice").is_visible()
    assert finished.locator("img").evaluate("image => image.naturalWidth") > 0
    assert list((newcomer.base / "output" / "wan_animate").glob("PRACTICE*.mp4"))


@pytest.mark.parametrize("name", TEMPLATES)
def test_each_template_loads_explains_itself_and_runs(practising, open_page, name):
    if "VideoHelperSuite" in name and "VHS_LoadVideo" not in practising.get("/object_info"):
        pytest.skip("VideoHelperSuite is not installed in this ComfyUI: set VHS_PATH")
    page = open_page(practising)
    page.load_template(name)
    assert page.run("app.graph._nodes.some(node => node.type === 'MarkdownNote')")
    missing = page.run("app.graph._nodes.filter(n => n.has_errors).map(n => n.type)")
    assert missing == []
    entry = page.run_to_the_end()
    assert succeeded(entry), error_of(entry)
    assert (PACK / "example_workflows" / f"{name}.jpg").stat().st_size > 5_000


def test_an_exported_workflow_runs_headless_with_environment_variables_alone(
    practising, open_page, tmp_path
):
    page = open_page(practising)
    page.load_template("Replace a person in footage")
    exported = page.run("async () => (await app.graphToPrompt()).output")
    install_pack(tmp_path)
    shutil.copytree(PACK / "web" / "samples", tmp_path / "input")
    with running(tmp_path, environment={"APIXO_WAN_PRACTICE": "1"}) as headless:
        entry = headless.run(exported)
    assert succeeded(entry), error_of(entry)
    assert list((tmp_path / "output" / "wan_animate").glob("PRACTICE*.mp4"))


@pytest.mark.parametrize("nodes_2", [False, True], ids=["canvas", "nodes 2.0"])
def test_the_node_says_what_happens_and_wears_its_badge(practising, open_page, nodes_2):
    page = open_page(practising)
    page.use_nodes_2(nodes_2)
    page.load_template("Replace a person in footage")
    page.run(
        "([words, seed]) => { const node = app.graph._nodes.find("
        "  node => node.type === 'ApixoWanAnimate');"
        "  node.widgets.find(w => w.name === 'prompt').value = words;"
        "  node.widgets.find(w => w.name === 'seed').value = seed; }",
        ["practice:slow 4", 41 + nodes_2],
    )
    badges = page.run(
        "app.graph._nodes.find(node => node.type === 'ApixoWanAnimate').badges"
        ".map(badge => (typeof badge === 'function' ? badge() : badge).text)"
    )
    assert "practice" in badges
    if nodes_2:
        page.page.get_by_text("practice", exact=True).first.wait_for()
    page.press_run()
    page.page.get_by_text(re.compile(r"waiting 0:0\d")).first.wait_for()
    page.page.get_by_text(re.compile("nothing was billed")).first.wait_for(timeout=90_000)


@pytest.mark.parametrize(("language", "words"), [("zh", "角色"), ("ja", "キャラクター")])
def test_nodes_settings_and_panel_speak_the_language_of_the_page(
    practising, open_page, language, words
):
    page = open_page(practising)
    page.set("Comfy.Locale", language)
    try:
        page.page.reload()
        page.open()
        page.load_template("Replace a person in footage")
        labels = page.run(
            "app.graph._nodes.find(node => node.type === 'ApixoWanAnimate')"
            ".inputs.map(input => input.localized_name ?? input.label ?? input.name)"
        )
        assert words in labels
        panel = page.open_panel()
        assert panel.get_by_role("heading").inner_text() not in {"Wan Animate tasks", ""}
        assert "panel." not in panel.inner_text()
    finally:
        page.set("Comfy.Locale", "en")
        page.page.wait_for_timeout(500)


@pytest.mark.parametrize("language", ["en", "zh", "ja"])
def test_every_node_has_a_help_page_with_its_picture(practising, language):
    nodes = [name for name in practising.get("/object_info") if name.startswith("Apixo")]
    assert len(nodes) == 8
    for name in nodes:
        below = "/extensions/apixo-wan-animate/docs"
        path = f"{below}/{name}.md" if language == "en" else f"{below}/{name}/{language}.md"
        page = requests.get(practising.url + path, timeout=30)
        assert page.status_code == 200, path
        pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.content.decode())
        assert pictures, path
        for picture in pictures:
            reply = requests.get(f"{practising.url}{below}/{picture}", timeout=30)
            assert reply.status_code == 200, picture
            assert reply.headers["Content-Type"].startswith("image/")
