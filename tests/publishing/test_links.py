"""Every link and picture in the repository's Markdown leads somewhere."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

try:
    import tomllib
except ImportError:  # Python 3.10
    tomllib = None

REPOSITORY = Path(__file__).resolve().parents[2]
HOME = "https://github.com/apixo-wan-animate/apixo-wan-animate"
OWN = re.compile(re.escape(HOME) + r"/(?:blob|raw|tree)/main/(?P<path>[^#?]+)(?P<anchor>#.*)?")
RAW = re.compile(
    r"https://raw\.githubusercontent\.com/apixo-wan-animate/apixo-wan-animate/main/(?P<path>.+)"
)
SKIPPED = {".git", ".venv", ".cache", "node_modules", "demo-output", "dist"}
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
TAG = re.compile(r"<(?:img|a|source)\b[^>]*?\b(?:src|href|srcset)=\"([^\"]+)\"")
FENCE = re.compile(r"^( *)```.*?^\1```", re.DOTALL | re.MULTILINE)


def pages() -> list[Path]:
    found = REPOSITORY.rglob("*.md")
    return sorted(
        path
        for path in found
        if not SKIPPED & set(path.relative_to(REPOSITORY).parts)
        and not any(part.startswith(".venv") for part in path.parts)
    )


@cache
def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors that GitHub gives to a page's headings."""
    found: list[str] = []
    for heading in re.findall(r"^#{1,6} +(.+?)\s*#*$", prose(page), re.MULTILINE):
        words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        before = sum(other == slug or other.startswith(slug + "\0") for other in found)
        found.append(slug if not before else f"{slug}\0{before}")
    return frozenset(slug.replace("\0", "-") for slug in found)


def links(page: Path) -> list[str]:
    return [*LINK.findall(prose(page)), *TAG.findall(prose(page))]


def trouble(page: Path, link: str) -> str:
    """Why a link leads nowhere; "" where it leads somewhere or outside."""
    own = OWN.fullmatch(link)
    if own:
        target, anchor = REPOSITORY / unquote(own["path"]), (own["anchor"] or "")[1:]
    elif re.match(r"[a-z][a-z0-9+.-]*:", link):
        return "" if link.startswith("https://") else "another scheme than https"
    else:
        path, _, anchor = link.partition("#")
        help_pages = REPOSITORY / "web" / "docs"
        base = help_pages if help_pages in page.parents else page.parent
        target = base / unquote(path) if path else page
    if not target.exists():
        return f"{target} is not there"
    if anchor and target.suffix == ".md" and anchor not in anchors(target):
        return f"{target.name} has no heading #{anchor}"
    return ""


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.relative_to(REPOSITORY).as_posix())
def test_every_link_of_a_page_leads_somewhere(page):
    assert [why for link in links(page) if (why := trouble(page, link))] == []


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.relative_to(REPOSITORY).as_posix())
def test_no_page_has_a_gap_that_was_left_to_be_filled(page):
    gap = re.compile(r"@@|\b(?:TODO|TBD|FIXME|XXX)\b|lorem ipsum", re.IGNORECASE)
    assert gap.findall(page.read_text(encoding="utf-8")) == []


def test_the_readme_shows_its_pictures_wherever_it_is_read():
    """The registry and the Manager show the README without the repository around it."""
    found = links(REPOSITORY / "README.md")
    assert len(found) >= 5
    assert [link for link in found if not link.startswith(("https://", "#"))] == []


def test_every_document_that_the_code_names_is_there_and_says_something_of_it():
    named = re.compile(r"(?:docs/\w+|README|CHANGELOG|[A-Z]{3,})\.md(?:, [“\"]([^”\"]+)[”\"])?")
    sources = [p for room in ("nodes", "utils") for p in (REPOSITORY / room).rglob("*.py")]
    found, wrong = 0, []
    for source in [*sources, REPOSITORY / "cli.py"]:
        for match in named.finditer(source.read_text(encoding="utf-8")):
            found += 1
            page = REPOSITORY / match[0].partition(",")[0]
            text = page.read_text(encoding="utf-8") if page.exists() else ""
            title = re.escape(match[1] or "")
            if not re.search(rf"^(?:#+ .*{title}|\*\*{title}\*\*)", text, re.MULTILINE):
                wrong.append(f"{source.relative_to(REPOSITORY)}: {match[0]}")
    assert found > 10
    assert wrong == []


def test_links_that_lead_nowhere_are_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# One *thing*, two\n"
        "[a](#one-thing-two) [b](#three) ![c](no.png) [d](page.md) [e](http://a.org)\n"
        f"[f]({HOME}/blob/main/LICENSE) [g]({HOME}/blob/main/NOTHING)\n"
        '```\n[h](nothing)\n```\n<img src="gone.jpg">\n'
    )
    wrong = [link for link in links(page) if trouble(page, link)]
    assert wrong == ["#three", "no.png", "http://a.org", f"{HOME}/blob/main/NOTHING", "gone.jpg"]


@pytest.mark.skipif(tomllib is None, reason="needs tomllib, part of Python 3.11 and newer")
def test_the_project_file_names_pictures_that_the_registry_takes():
    told = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    comfy, urls = told["tool"]["comfy"], told["project"]["urls"]
    sizes = []
    for name in ("Icon", "Banner"):
        data = (REPOSITORY / RAW.fullmatch(comfy[name])["path"]).read_bytes()
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        sizes.append((int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")))
    icon, banner = sizes
    assert icon[0] == icon[1] <= 400  # docs.comfy.org, "pyproject.toml", read 2026-11-27
    assert banner[0] * 9 == banner[1] * 21
    assert urls["Repository"] == HOME
    assert all(url.startswith(HOME) for url in urls.values())
