"""The settings page: the key above all, which must be found nowhere afterwards."""

from __future__ import annotations

import json
import re

import pytest
from comfy_page import ComfyPage
from living_folder import content_of, files_below
from running_comfyui import error_of, succeeded
from secret_service import SECRET

pytestmark = pytest.mark.comfyui


def type_key(page: ComfyPage, key: str) -> str:
    """Enter a key as a person would; what the page says of it."""
    field = page.field("apixo.key")
    field.locator("input").fill(key)
    field.get_by_role("button", name="Save").click()
    said = field.locator("[role=status]")
    page.wait_for(lambda: said.get_attribute("data-mood") in {"good", "bad"}, limit_ms=30_000)
    return said.inner_text()


def test_a_wrong_key_is_refused_and_a_right_one_is_kept(customer, secret_service, open_page):
    page = open_page(customer)
    page.open_settings()
    said = type_key(page, "sk-wrong-0123456789")
    assert "401" in said
    assert "No key is set" in page.field("apixo.key").inner_text()
    assert secret_service.refused == 1
    said = type_key(page, f"  {SECRET} ")
    assert "The key works and is saved" in said
    assert "$" in said
    assert page.field("apixo.key").locator("input").input_value() == ""
    assert "…5063" in page.field("apixo.key").inner_text()
    page.field("apixo.key").get_by_role("button", name="Test").click()
    page.field("apixo.key").get_by_text("The key works. Balance").wait_for()
    # It counts at once: no banner asks for a key any more.
    page.close_dialogs()
    assert page.open_panel().locator(".apixo-setup").is_hidden()


STORED = """async () => {
  const found = [JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie];
  for (const { name } of await indexedDB.databases()) {
    const db = await new Promise((done) => {
      const asked = indexedDB.open(name); asked.onsuccess = () => done(asked.result);
    });
    for (const store of db.objectStoreNames) {
      found.push(JSON.stringify(await new Promise((done) => {
        const asked = db.transaction(store).objectStore(store).getAll();
        asked.onsuccess = () => done(asked.result);
      })));
    }
    db.close();
  }
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const key of await cache.keys()) found.push(await (await cache.match(key)).text());
  }
  found.push(document.documentElement.outerHTML);
  found.push(JSON.stringify(app.graph.serialize()));
  return found.join("\\n");
}"""


def saving_everything(url: str) -> dict:
    """A graph whose PNG and MP4 carry the workflow in their tags."""
    from graphs import small_clip, small_makers

    return {
        **small_makers(),
        "3": small_clip(seed=501),
        "4": {"class_type": "SaveImage",
              "inputs": {"images": ["3", 0], "filename_prefix": "leak"}},
        "5": {"class_type": "CreateVideo",
              "inputs": {"images": ["3", 0], "fps": ["3", 3], "audio": ["3", 2]}},
        "6": {"class_type": "SaveVideo",
              "inputs": {"video": ["5", 0], "filename_prefix": "leak", "format": "mp4",
                         "codec": "h264"}},
    }  # fmt: skip


def test_after_a_run_the_key_is_in_its_own_file_and_nowhere_else(customer, open_page):
    page = open_page(customer)
    page.open_settings()
    type_key(page, SECRET)
    address = page.field("apixo.public_url")
    address.locator("input[type=text]").fill(customer.url)
    address.locator("input[type=text]").press("Enter")
    address.get_by_text("Saved").first.wait_for()
    address.get_by_role("button", name="Test").click()
    address.get_by_text("A test file was uploaded").wait_for()
    page.close_dialogs()

    page.load_graph(saving_everything(customer.url))
    entry = page.run_to_the_end()
    assert succeeded(entry), error_of(entry)
    assert list((customer.base / "output").glob("leak*.png"))
    assert list((customer.base / "output").glob("leak*.mp4"))

    assert SECRET not in page.run(STORED)
    for path in ("/settings", "/history", "/queue", "/object_info", "/apixo_wan_animate/settings",
                 "/apixo_wan_animate/tasks", "/userdata?dir=."):  # fmt: skip
        reply = page.page.request.get(customer.url + path)
        assert SECRET not in reply.text(), path
    holders = [
        path.relative_to(customer.base).as_posix()
        for path in files_below(customer.base)
        if SECRET.encode() in content_of(path)
    ]
    assert holders == ["user/__apixo_wan_animate/credentials.json"]
    signed = re.compile(rb"/apixo_wan/published/[0-9a-f]{32}\.")
    for path in files_below(customer.base / "output"):
        assert not signed.search(content_of(path)), path
    assert not signed.search(json.dumps(customer.get("/history")).encode())


def test_settings_count_without_a_restart_and_are_there_after_a_reload(practising, open_page):
    page = open_page(practising)
    page.open_settings()
    price = page.field("apixo.price_480p").locator("input")
    price.fill("0.05")
    price.press("Tab")
    page.field("apixo.price_480p").get_by_text("Saved").wait_for()
    page.page.reload()
    page.open()
    page.open_settings()
    assert page.field("apixo.price_480p").locator("input").input_value() == "0.05"
    price = page.field("apixo.price_480p").locator("input")
    price.fill("cheap")
    price.press("Enter")
    page.field("apixo.price_480p").get_by_text("not a number").wait_for()
    assert price.input_value() == "cheap"
    price.fill("")
    price.press("Enter")
    page.field("apixo.price_480p").get_by_text("Cleared").wait_for()


def test_the_gear_of_the_panel_opens_our_page(practising, open_page):
    page = open_page(practising)
    page.open_panel().get_by_role("button", name="Wan Animate settings").click()
    page.field("apixo.key").wait_for()


def test_escape_closes_the_settings_from_our_fields(practising, open_page):
    page = open_page(practising)
    page.open_settings()
    page.field("apixo.price_480p").locator("input").focus()
    page.page.keyboard.press("Escape")
    page.page.locator(".apixo-field").first.wait_for(state="hidden")


def test_what_one_tab_saves_is_seen_in_another_that_is_open(practising, open_page):
    page = open_page(practising)
    page.open_settings()
    price = page.field("apixo.price_720p").locator("input")
    for typed in ("0.09", ""):
        reply = practising.post("/apixo_wan_animate/settings", {"changes": {"price_720p": typed}})
        assert reply.status_code == 200, reply.text
        page.wait_for(lambda typed=typed: price.input_value() == typed, limit_ms=10_000)


def test_from_another_machine_the_refusal_is_said_once(practising, open_page):
    page = open_page(practising, extra_http_headers={"X-Forwarded-For": "10.1.2.3"})
    page.open_settings()
    said = page.page.locator(".apixo-feedback", has_text="only in a browser on the machine")
    said.first.wait_for()
    assert said.count() == 1
    enabled = ".apixo-field :is(input, select, button):not(:disabled)"
    assert page.page.locator(enabled).count() == 0


def test_consent_to_temporary_hosts_is_a_switch_with_its_warning(practising, open_page):
    page = open_page(practising)
    page.open_settings()
    field = page.field("apixo.temporary_host")
    assert "cannot be deleted" in field.inner_text()
    switch = field.get_by_role("switch")
    switch.focus()
    page.page.keyboard.press("Space")
    field.get_by_text(re.compile(r"^On\.")).wait_for()
    page.page.keyboard.press("Space")
    field.get_by_text("Off.").wait_for()


def test_every_control_has_a_name_that_can_be_read_out(practising, open_page):
    page = open_page(practising)
    page.open_settings()
    nameless = page.run("""() => [...document.querySelectorAll(
        '.apixo-field input, .apixo-field select, .apixo-field button')].filter((control) => {
          const by = control.getAttribute('aria-labelledby');
          const words = by ? document.getElementById(by)?.textContent
            : control.closest('label')?.textContent || control.textContent;
          return !words?.trim();
        }).map((control) => control.outerHTML)""")
    assert nameless == []


def test_practice_mode_is_switched_on_and_every_badge_follows(customer, open_page):
    page = open_page(customer)
    page.run("() => { app.graph.clear(); app.graph.add(LiteGraph.createNode('ApixoWanAnimate')); }")
    shown = (
        "app.graph._nodes[0].badges.map(b => (typeof b === 'function' ? b() : b).text)"
        ".includes('practice')"
    )
    assert not page.run(shown)
    page.open_settings()
    switch = page.field("apixo.practice").get_by_role("switch")
    switch.click()
    page.wait_until(shown)
    switch.click()
    page.wait_until(f"!({shown})")
