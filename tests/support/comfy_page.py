"""The page of a real ComfyUI in a real browser, driven as a person would."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from running_comfyui import Comfy

PACK = "apixo-wan-animate"
TAB = "apixo-wan-tasks"
SETTINGS = "Wan Animate (APIXO)"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
RUN_LIMIT_MS = 120_000

KNOWN_TROUBLE = (
    "Failed to load resource", "Content Security Policy", "Refused to connect",
    "Unhandled message",  # an event of a task came before this page had loaded any extension
)  # fmt: skip
"""What the host's own page, and packs beside ours, put into the console on their own account."""


def browser_path() -> str:
    """Where a Chromium lies: `CHROMIUM`, or on the PATH; "" where there is none."""
    named = os.environ.get("CHROMIUM", "")
    return named or next((path for name in BROWSERS if (path := shutil.which(name))), "")


class ComfyPage:
    """One opened page.

    Args:
        page: Playwright's.
        comfy: The server behind it.
    """

    def __init__(self, page: Any, comfy: Comfy) -> None:
        self.page = page
        self.comfy = comfy
        self.trouble: list[str] = []
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.trouble.append(str(error)))

    def _listen(self, message: Any) -> None:
        ours = f"/extensions/{PACK}/" in message.location.get("url", "")
        named = any(word in message.text.lower() for word in ("apixo", "wan animate"))
        expected = any(words in message.text for words in KNOWN_TROUBLE)
        if message.type in {"error", "warning"} and (ours or (named and not expected)):
            self.trouble.append(f"{message.type}: {message.text}")

    # Opening

    def open(self) -> ComfyPage:
        """Load the page, and close what it greets a newcomer with."""
        self.page.goto(self.comfy.url)
        self.wait_until("window.app?.extensionManager?.getSidebarTabs?.().some("
                        f"tab => tab.id === '{TAB}')")  # fmt: skip
        self.wait_until("window.app.canvas?.graph != null")
        quiet_ms, began = 0, time.monotonic()
        while quiet_ms < 1500 and time.monotonic() - began < 60:  # greetings may come late
            self.page.wait_for_timeout(300)
            quiet_ms = 0 if self.close_dialogs() else quiet_ms + 300
        return self

    def close_dialogs(self) -> bool:
        """Close what is open; whether there was anything."""
        for turn in range(3):
            if not self.page.locator("[role=dialog]:visible").count():
                return turn > 0
            self.page.keyboard.press("Escape")
            self.page.wait_for_timeout(300)
        return True

    def use_nodes_2(self, wanted: bool) -> None:
        self.set("Comfy.VueNodes.Enabled", wanted)
        self.page.wait_for_timeout(500)

    # Asking the page

    def run(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)

    def wait_until(self, condition: str, *, limit_ms: int = 60_000) -> None:
        self.page.wait_for_function(condition, timeout=limit_ms)

    def set(self, name: str, value: Any) -> None:
        self.run("([name, value]) => app.extensionManager.setting.set(name, value)", [name, value])

    def command(self, name: str) -> None:
        self.run("name => { app.extensionManager.command.execute(name) }", name)

    # Workflows

    def load_template(self, name: str) -> None:
        """What a click on a template's card does."""
        self.run(
            "async ([pack, name]) => {"
            "  const reply = await fetch(app.api.apiURL("
            "    `/workflow_templates/${pack}/${encodeURIComponent(name)}.json`));"
            "  await app.loadGraphData(await reply.json(), true, true, name,"
            "    { openSource: 'template' });"
            "}",
            [PACK, name],
        )
        self.page.wait_for_timeout(800)

    def load_graph(self, prompt: dict[str, Any]) -> None:
        """A workflow in API format, as dropped onto the page."""
        self.run("prompt => app.loadApiJson(prompt, 'test')", prompt)
        self.page.wait_for_timeout(500)

    def press_run(self) -> None:
        self.page.get_by_role("button", name="Run", exact=True).first.click()

    def run_to_the_end(self) -> dict[str, Any]:
        """Press Run; the entry in the host's history."""
        before = set(self.comfy.get("/history"))
        self.press_run()
        found: list[str] = []

        def ended() -> bool:
            found[:] = [name for name in self.comfy.get("/history") if name not in before]
            return bool(found)

        self.wait_for(ended)
        return self.comfy.get(f"/history/{found[0]}")[found[0]]

    def wait_for(self, true: Callable[[], bool], *, limit_ms: int = RUN_LIMIT_MS) -> None:
        """Wait for something outside of the page, which lives on meanwhile."""
        for _ in range(limit_ms // 200):
            if true():
                return
            self.page.wait_for_timeout(200)
        raise AssertionError(self.comfy.log()[-3000:])

    # The panel and the settings

    def open_panel(self) -> Any:
        """The tasks panel, opened by its button in the sidebar."""
        panel = self.page.locator(".apixo-panel")
        if not panel.is_visible():
            self.command(f"Workspace.ToggleSidebarTab.{TAB}")
        panel.wait_for(state="visible")
        return panel

    def open_settings(self) -> Any:
        """The dialog of the settings, at ours."""
        self.command("Comfy.ShowSettingsDialog")
        dialog = self.page.locator("[role=dialog]").last
        dialog.get_by_text(SETTINGS, exact=True).first.click()
        self.page.locator(".apixo-field").first.wait_for(state="visible")
        self.wait_until("[...document.querySelectorAll('.apixo-feedback')]"
                        ".every(line => !line.textContent.startsWith('Loading'))")  # fmt: skip
        return self.page

    def field(self, setting: str) -> Any:
        """The control of one setting."""
        return self.page.locator(f"[data-setting-id='{setting}'] .apixo-field")

    def screenshot(self, path: Path) -> None:
        self.page.screenshot(path=str(path))
