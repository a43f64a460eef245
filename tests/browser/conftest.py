"""A browser, and the ComfyUIs that it looks at; every test here is skipped where one is missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from comfy_page import ComfyPage, browser_path
from running_comfyui import install_pack, install_video_helper_suite, running
from secret_service import SecretService


def pytest_collection_modifyitems(items):
    """Skip, with the reason, where there is no browser."""
    missing = ""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        missing = "needs Playwright: pip install playwright"
    if not browser_path():
        missing = "needs Chromium: install it, or name it by CHROMIUM"
    for item in items:
        if missing and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=browser_path(), args=["--no-sandbox", "--disable-gpu"]
        )
        yield chromium
        chromium.close()


def page_arguments() -> tuple[str, ...]:
    """Another page than the checkout's own: `COMFYUI_FRONTEND` names its `static` folder."""
    root = os.environ.get("COMFYUI_FRONTEND")
    return ("--front-end-root", root) if root else ()


@pytest.fixture(scope="session")
def newcomer(tmp_path_factory):
    """A ComfyUI as it is after the installation: no key, no setting, no file."""
    base = tmp_path_factory.mktemp("newcomer")
    install_pack(base)
    install_video_helper_suite(base)
    with running(base, environment={}, arguments=page_arguments()) as comfy:
        yield comfy


@pytest.fixture(scope="session")
def practising(newcomer):
    """The same, with practice mode on."""
    reply = newcomer.post("/apixo_wan_animate/settings", {"changes": {"practice": True}})
    assert reply.status_code == 200, reply.text
    return newcomer


@pytest.fixture(scope="session")
def secret_service(tmp_path_factory):
    """What stands in the place of APIXO, and knows one secret key."""
    with SecretService(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(scope="session")
def customer(tmp_path_factory, secret_service):
    """A ComfyUI whose APIXO is the stand-in; no key yet."""
    base = tmp_path_factory.mktemp("customer")
    install_pack(base)
    environment = {"APIXO_BASE_URL": secret_service.origin}
    with running(base, environment=environment, arguments=page_arguments()) as comfy:
        yield comfy


@pytest.fixture(scope="session")
def page_options():
    """Arguments for a test that starts a ComfyUI of its own."""
    return page_arguments()


@pytest.fixture
def open_page(browser):
    """Open pages of a server; at the end none of them may have complained of us."""
    contexts, pages = [], []

    def open_one(comfy, **options) -> ComfyPage:
        size = {"width": 1500, "height": 950}
        context = browser.new_context(**{"viewport": size, "locale": "en-US", **options})
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=comfy.url)
        contexts.append(context)
        pages.append(ComfyPage(context.new_page(), comfy))
        return pages[-1].open()

    yield open_one
    for context in contexts:
        context.close()
    assert [page.trouble for page in pages if page.trouble] == []
