"""Nothing in the archive is what the registry's scan is there to find.

The registry forbids `eval`, `exec`, installing at run time and code that nobody can read
(docs.comfy.org, "Standards"); its tool warns of them before it publishes.
"""

from __future__ import annotations

import ast
import re

import pytest

FORBIDDEN_CALLS = {
    "eval", "exec", "compile", "__import__",
    "os.system", "os.popen", "os.startfile", "pty.spawn", "yaml.load",
}  # fmt: skip
FORBIDDEN_FAMILIES = ("os.exec", "os.spawn", "os.posix_spawn")
FORBIDDEN_MODULES = {
    "subprocess", "multiprocessing", "pickle", "marshal", "shelve", "dill", "ctypes", "pip",
    "pty", "code", "codeop", "runpy",
}  # fmt: skip
BLOB = re.compile(r"[A-Za-z0-9+/=_-]{160,}|(?:\\x[0-9a-f]{2}){40,}|(?:[0-9a-fA-F]{2}){64,}")
"""Longer than any word, link or digest: something is packed up in text."""
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
LINE_LIMIT = {".py": 140, ".js": 140, ".css": 140}
SCRIPT_TRICKS = re.compile(
    r"\beval\s*\(|new\s+Function\b|document\.write|\batob\s*\(|\bimportScripts\b"
    r"|import\s*\(|\bfrom\s+[\"']https?:|\.innerHTML\b"
)


def trees(archive):
    for name in archive.ending(".py"):
        yield name, archive.tree(name)


def dotted(node: ast.expr) -> str:
    """`os.system` of such an expression, "" of another."""
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return node.id if isinstance(node, ast.Name) else ""


def suspicious(tree: ast.AST) -> list[str]:
    """Every call and import that could run what is no part of the pack."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = dotted(node.func).removeprefix("builtins.")
            if name in FORBIDDEN_CALLS or name.startswith(FORBIDDEN_FAMILIES):
                found.append(name)
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found += [node.module or "", *(f"{node.module}.{a.name}" for a in node.names)]
    return [
        name
        for name in found
        if name.split(".")[0] in FORBIDDEN_MODULES
        or name in FORBIDDEN_CALLS
        or name.startswith(FORBIDDEN_FAMILIES)
    ]


def test_no_module_runs_text_or_starts_a_process(archive):
    assert {name: suspicious(tree) for name, tree in trees(archive) if suspicious(tree)} == {}


@pytest.mark.parametrize(
    "source",
    ["eval('1')", "exec(text)", "import subprocess", "from subprocess import run", "os.system('x')",
     "os.execv('x', [])", "from os import system", "import pickle as p", "builtins.exec('x')",
     "__import__('os')", "compile('x', '', 'exec')"],
)  # fmt: skip
def test_the_scan_of_this_test_sees_what_it_is_there_to_see(source):
    assert suspicious(ast.parse(source))


def test_every_statement_has_a_line_of_its_own(archive):
    crowded = []
    for name, tree in trees(archive):
        for node in ast.walk(tree):
            for body in (getattr(node, field, None) for field in ("body", "orelse", "finalbody")):
                if not isinstance(body, list):
                    continue
                lines = [statement.lineno for statement in body]
                if len(set(lines)) < len(lines):
                    crowded.append(f"{name}:{lines[0]}")
                if lines and isinstance(node, ast.stmt) and lines[0] == node.lineno:
                    crowded.append(f"{name}:{lines[0]}")
    assert crowded == []


def test_no_text_hides_a_file_in_letters(archive):
    hidden = []
    for name in archive.ending(".py", ".js", ".css", ".json", ".md", ".toml", ".txt"):
        for number, line in enumerate(archive.text(name).splitlines(), 1):
            if BLOB.search(line) or "base64," in line:
                hidden.append(f"{name}:{number}")
    assert hidden == []


def test_no_source_is_minified(archive):
    long = []
    for suffix, limit in LINE_LIMIT.items():
        for name in archive.ending(suffix):
            lines = archive.text(name).splitlines()
            long += [f"{name}:{at}" for at, line in enumerate(lines, 1) if len(line) > limit]
    assert long == []


def test_no_script_of_the_page_runs_text_or_loads_code_from_elsewhere(archive):
    scripts = archive.ending(".js")
    assert len(scripts) > 20
    code = {name: COMMENT.sub("", archive.text(name)) for name in scripts}
    tricky = {name: SCRIPT_TRICKS.findall(text) for name, text in code.items()}
    assert {name: found for name, found in tricky.items() if found} == {}


def test_pictures_and_clips_are_what_their_names_say(archive):
    beginnings = {".png": (0, b"\x89PNG\r\n\x1a\n"), ".jpg": (0, b"\xff\xd8\xff"),
                  ".mp4": (4, b"ftyp")}  # fmt: skip
    for suffix, (at, wanted) in beginnings.items():
        for name in archive.ending(suffix):
            data = (archive.folder / name).read_bytes()
            assert data[at : at + len(wanted)] == wanted, name
