"""What Windows and macOS would stumble over, read from the sources; nothing is run there."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from apixo_wan_animate.utils.hosting.host import MEDIA_TYPES, random_name
from apixo_wan_animate.utils.ledger.rows import TaskRow
from apixo_wan_animate.utils.tasks.result_file import part_name, result_name

PACK = Path(__file__).resolve().parent.parent
SOURCES = sorted(
    [
        *PACK.glob("nodes/**/*.py"),
        *PACK.glob("utils/**/*.py"),
        PACK / "__init__.py",
        PACK / "cli.py",
    ]
)

POSIX_MODULES = {
    "fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty", "nis", "crypt",
}  # fmt: skip
POSIX_CALLS = {
    "os": {
        "chown", "fchmod", "fchown", "fork", "forkpty", "getegid", "geteuid", "getgid", "getgroups",
        "getloadavg", "getpgid", "getpgrp", "getpriority", "getsid", "getuid", "initgroups",
        "killpg", "lchown", "lockf", "mkfifo", "mknod", "nice", "pathconf", "posix_fadvise",
        "posix_fallocate", "posix_spawn", "pread", "preadv", "pwrite", "pwritev",
        "register_at_fork",
        "sched_getaffinity", "sched_setaffinity", "sched_yield", "sendfile", "setegid", "seteuid",
        "setgid", "setgroups", "setpgid", "setpriority", "setsid", "setuid", "statvfs", "sysconf",
        "tcgetpgrp", "ttyname", "uname", "wait", "wait3", "wait4", "waitid",
        "O_CLOEXEC", "O_DIRECT", "O_DIRECTORY", "O_DSYNC", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK",
        "O_SYNC", "O_TMPFILE", "SCHED_OTHER",
    },
    "signal": {
        "SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP",
        "SIGTSTP", "SIGUSR1", "SIGUSR2", "SIGXFSZ", "alarm", "pause", "setitimer", "sigwait",
        "pthread_kill", "pthread_sigmask",
    },
    "time": {"tzset", "clock_gettime", "CLOCK_MONOTONIC", "CLOCK_BOOTTIME"},
    "socket": {"AF_UNIX", "SO_REUSEPORT", "MSG_DONTWAIT", "TCP_USER_TIMEOUT"},
    "mmap": {"MAP_SHARED", "MAP_PRIVATE", "PROT_READ", "PROT_WRITE"},
    "threading": {"pthread_kill"},
}  # fmt: skip
"""What Windows lacks. Source: Python's documentation of each module, “Availability: Unix”."""

RENAMES = {"rename", "link", "symlink", "hardlink_to", "symlink_to", "chmod", "lchmod"}
"""Does something else on Windows, or needs a right there; `replace` is the one that does not."""

GUARDS = ("os.name", "sys.platform", "hasattr(", "platform.system")

RESERVED = {
    "con", "prn", "aux", "nul",
    *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10)),
}  # fmt: skip


def nodes_of(path: Path) -> Iterator[tuple[ast.AST, list[ast.AST]]]:
    """Every node of a file, with those that it lies in."""

    def walk(node: ast.AST, above: list[ast.AST]) -> Iterator[tuple[ast.AST, list[ast.AST]]]:
        yield node, above
        for child in ast.iter_child_nodes(node):
            yield from walk(child, [*above, node])

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), [])


def is_guarded(above: list[ast.AST]) -> bool:
    """Whether somebody asked which system it is."""
    asks = [ast.unparse(n.test) for n in above if isinstance(n, (ast.If, ast.IfExp))]
    return any(guard in ask for ask in asks for guard in GUARDS)


def unportable(path: Path) -> list[str]:
    found = []
    for node, above in nodes_of(path):
        line = getattr(node, "lineno", 0)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            names = [module or ""] if module else [alias.name for alias in node.names]
            hits = [n for n in names if n.split(".")[0] in POSIX_MODULES]
            if isinstance(node, ast.ImportFrom) and module in POSIX_CALLS:
                hits += [a.name for a in node.names if a.name in POSIX_CALLS[module]]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            hits = [node.attr] if node.attr in POSIX_CALLS.get(node.value.id, set()) else []
        else:
            hits = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            hits += [node.func.attr] if node.func.attr in RENAMES else []
        if hits and not is_guarded(above):
            found.append(f"line {line}: {', '.join(hits)}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(PACK).as_posix())
def test_nothing_that_only_posix_has_is_used_unguarded(path):
    assert not unportable(path)


@pytest.mark.parametrize(
    "source",
    [
        "import fcntl",
        "import os\nos.getuid()",
        "import signal\nx = signal.SIGKILL",
        "from os import fork",
        "import os\nos.rename('a', 'b')",
        "path.rename(other)",
        "import os\nif True:\n    os.geteuid()",
    ],
)
def test_the_reader_sees_what_it_looks_for(tmp_path, source):
    file = tmp_path / "x.py"
    file.write_text(source)
    assert unportable(file)
    file.write_text(
        "import os\nif os.name == 'posix':\n" + "".join(f"    {s}\n" for s in source.split("\n"))
    )
    if "if True" not in source:
        assert not unportable(file)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(PACK).as_posix())
def test_no_file_changes_its_name_while_it_is_open(path):
    """Windows refuses it."""
    for node, above in nodes_of(path):
        moves = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if not (moves and node.func.attr in {"replace", "rename", "unlink"}):
            continue
        if node.func.attr == "replace" and len(node.args) != 1:
            continue  # of a text, or of a dataclass
        moved = ast.unparse(node.func.value)
        for block in above:
            if isinstance(block, ast.With):
                opens = [ast.unparse(item.context_expr) for item in block.items]
                same = [
                    o
                    for o in opens
                    if re.match(
                        rf"(open\()?{re.escape(moved)}\b.*open\(|open\({re.escape(moved)}\b", o
                    )
                ]
                assert not same, f"line {node.lineno}: {moved} is open"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(PACK).as_posix())
def test_no_name_is_made_that_windows_cannot_hold(path):
    for node, _ in nodes_of(path):
        parts: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in {"with_name", "with_stem", "with_suffix", "joinpath"}:
                parts = list(node.args)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            parts = [node.right]
        for text in constants_of(parts):
            assert not re.search(r'[<>:"|?*\\\x00-\x1f]', text), f"line {node.lineno}: {text!r}"
            assert not text.endswith((".", " ")), f"line {node.lineno}: {text!r}"
            stem = text.split(".")[0].lower()
            assert stem not in RESERVED, f"line {node.lineno}: {text!r}"


def constants_of(parts: list[ast.expr]) -> list[str]:
    """The texts that a name is made of, as far as they stand in the source."""
    found = []
    for part in parts:
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            found.append(part.value)
        elif isinstance(part, ast.JoinedStr):
            # What is put in stands as a letter: only the text around it is judged.
            found.append(
                "".join(str(v.value) if isinstance(v, ast.Constant) else "x" for v in part.values)
            )
    return found


@pytest.mark.parametrize(
    "task_id", ["CON", "nul.", "a:b", "../../x", "COM1", "x" * 300, "Ä🦊", "", "a. ", "<>|?*"]
)
def test_a_result_has_a_name_that_every_system_takes(task_id):
    names = dict.fromkeys(TaskRow.__dataclass_fields__, "")
    row = TaskRow(**{**names, "task_id": task_id, "tag": "0a1b2c3d", "kind": "replace"})
    name = result_name(row, SimpleNamespace(ending=".mp4"))
    for made in (name, part_name(row, "f" * 32), *(random_name(end) for end in MEDIA_TYPES)):
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,120}", made)
        assert not made.endswith(".")
        assert made.split(".")[0].lower() not in RESERVED


def test_no_two_files_of_the_pack_differ_in_case_only():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PACK, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("this is no checkout")
    files = [name for name in listed.stdout.split("\0") if name]
    assert len({name.lower() for name in files}) == len(files) > 100
    for name in files:
        for part in name.split("/"):
            assert not re.search(r'[<>:"|?*\\]', part), name
            assert not part.endswith((".", " ")), name
            assert part.split(".")[0].lower() not in RESERVED, name
