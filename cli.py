"""Tasks and settings without a browser; run by path with ComfyUI's Python.

    python custom_nodes/<this pack>/cli.py tasks list

It finds ComfyUI's user and output folders from its own place; where they are elsewhere, say so by
`--user-directory` and `--output-directory`, as to ComfyUI itself.
"""

from __future__ import annotations

import argparse
import getpass
import importlib
import io
import json
import sys
import tempfile
import time
import types
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .utils.ledger.ledger import Ledger
    from .utils.ledger.rows import TaskRow
    from .utils.settings import Folders, SettingsStore

PACK = Path(__file__).resolve().parent
ALIAS = "apixo_wan_animate_cli"
"""The pack's folder may bear any name, and its modules share theirs with ComfyUI's."""

STATE_FOLDER = "__apixo_wan_animate"
_HIDDEN = ("fingerprint", "token_digest", "key_mark", "owner", "tag", "candidate")
_LOOK_S = 0.5


def load(module: str) -> Any:
    """A module of the pack, under the alias; `sys.path` stays as it is."""
    if ALIAS not in sys.modules:
        package = types.ModuleType(ALIAS)
        package.__path__ = [str(PACK)]
        sys.modules[ALIAS] = package
    return importlib.import_module(f"{ALIAS}.{module}")


class Installation:
    """The folders of one ComfyUI, and what lies in them.

    Args:
        user: ComfyUI's user folder, or None to find it.
        output: ComfyUI's output folder, or None to find it.
    """

    def __init__(self, user: Path | None, output: Path | None) -> None:
        root = _comfyui_root()
        if root is None and (user is None or output is None):
            raise SystemExit(
                "This pack is not in ComfyUI's custom_nodes folder. Give the folders with "
                "--user-directory and --output-directory."
            )
        self._user = user if user is not None else root / "user" if root else Path()
        self._output = output if output is not None else root / "output" if root else Path()

    @property
    def folders(self) -> Folders:
        """The folders as the pack wants them."""
        temp = Path(tempfile.gettempdir()) / "apixo_wan_animate_cli"
        made: Folders = load("utils.settings").Folders(
            state=self._user / STATE_FOLDER, output=self._output, temp=temp
        )
        return made

    @property
    def settings(self) -> SettingsStore:
        """The settings of this installation."""
        store: SettingsStore = load("utils.settings").SettingsStore(self.folders.state)
        return store

    def ledger(self) -> Ledger:
        """The ledger, as a bystander; rows of dead processes are settled first."""
        ledgers, owners = load("utils.ledger.ledger"), load("utils.ledger.owners")
        folder = self.folders.state
        if not (folder / ledgers.LEDGER_FILE).is_file():
            raise SystemExit(
                f"There is no ledger in {folder}. Run a task first, or give the folder with "
                "--user-directory."
            )
        database = load("utils.ledger.database").Database(folder / ledgers.LEDGER_FILE)
        notice = load("utils.ledger.mending").take_notice(folder)
        if notice:
            database.close()
            raise load("utils.errors").LedgerError(notice)
        made: Ledger = ledgers.Ledger(database, load("utils.clock").SystemClock())
        owners.settle_dead(made, folder / "owners")
        return made


def _comfyui_root() -> Path | None:
    for pack in (Path(__file__).absolute().parent, PACK):
        if pack.parent.name == "custom_nodes":
            return pack.parent.parent
    return None


# Tasks


def list_tasks(here: Installation, asked: argparse.Namespace) -> None:
    """List the tasks, newest first."""
    ledger = here.ledger()
    rows = [r for r in ledger.rows(limit=asked.limit) if asked.state in ("", r.state.value)]
    ledger.close()
    if asked.json:
        _print_json([as_plain(row) for row in rows])
        return
    for row in rows:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.created_at))
        seconds = "-" if row.billable_s is None else f"{row.billable_s} s"
        practice = "practice" if row.practice else ""
        columns = (f"{row.id:>5}", when, f"{row.state.value:<9}", f"{seconds:>6}", row.kind)
        print(
            "  ".join((*columns, row.resolution, row.task_id or "-", row.file, practice)).rstrip()
        )
    if not rows:
        print("There are no tasks.")


def show_task(here: Installation, asked: argparse.Namespace) -> None:
    """Show everything known about one task."""
    ledger = here.ledger()
    row = ledger.row(asked.row)
    ledger.close()
    if row is None:
        raise SystemExit(f"There is no row {asked.row}. See “tasks list”.")
    _print_row(row, asked)


def collect_task(here: Installation, asked: argparse.Namespace) -> None:
    """Wait for a task and fetch its file."""
    clock = load("utils.clock").SystemClock()
    service = load("utils.tasks.service").TaskService(
        here.folders,
        here.settings,
        transport=load("utils.transport").Transport(clock),
        clock=clock,
    )
    minutes = asked.wait if asked.wait is not None else here.settings.load().wait_minutes
    try:
        watch = service.collect(asked.task_id)
        _follow(watch, minutes=minutes)
        result = watch.outcome()
    finally:
        service.stop()
    if asked.json:
        _print_json({**as_plain(result.row), "path": str(result.file)})
    else:
        print(result.file)


def _follow(watch: Any, *, minutes: float) -> None:
    """Show how far a task is until it ends, or the time is over."""
    end, said = time.monotonic() + minutes * 60, ""
    while not watch.wait(_LOOK_S):
        progress = watch.progress
        line = f"{progress.phase} {progress.note}".rstrip()
        if line != said:
            print(line, file=sys.stderr)
            said = line
        if time.monotonic() > end:
            error = load("utils.tasks.watch").timed_out(watch, waited_minutes=minutes)
            watch.leave()
            raise error


def adopt_task(here: Installation, asked: argparse.Namespace) -> None:
    """Give a row of unknown fate its task id; a running ComfyUI collects it."""
    ledger = here.ledger()
    clock, settle = load("utils.clock").SystemClock(), load("utils.tasks.settle")
    remotes = load("utils.tasks.remote").Remotes(
        here.settings,
        load("utils.transport").Transport(clock),
        clock=clock,
        folders=here.folders,
        own_origins=frozenset(),
    )
    try:
        row = settle.adopt(ledger, remotes, row_id=asked.row, task_id=asked.task_id)
    finally:
        remotes.stop()
        ledger.close()
    _print_row(row, asked)
    if not asked.json:
        print(
            f"A running ComfyUI will fetch it; to fetch it now: cli.py tasks collect {row.task_id}"
        )


def abandon_task(here: Installation, asked: argparse.Namespace) -> None:
    """Declare that a submit of unknown fate was never sent."""
    ledger = here.ledger()
    row = ledger.abandon(asked.row)
    ledger.close()
    _print_row(row, asked)


def forget_task(here: Installation, asked: argparse.Namespace) -> None:
    """Remove a task from the list; the result's file stays."""
    ledger = here.ledger()
    row = ledger.forget(asked.row, force=asked.force)
    ledger.close()
    load("utils.tasks.tidy").remove_beside(here.folders.state, row)
    _print_row(row, asked)


def as_plain(row: TaskRow) -> dict[str, Any]:
    """A row as JSON may hold it, without what is of no use outside."""
    plain = asdict(row)
    plain["state"] = row.state.value
    plain["result_urls"] = list(row.result_urls)
    return {name: value for name, value in plain.items() if name not in _HIDDEN}


def _print_row(row: TaskRow, asked: argparse.Namespace) -> None:
    plain = as_plain(row)
    if asked.json:
        _print_json(plain)
        return
    for name, value in plain.items():
        if value not in ("", None, []):
            print(f"{name:<14} {value}")


# Settings


def show_settings(here: Installation, asked: argparse.Namespace) -> None:
    """Show the settings; for the key, only whether it is set."""
    view = load("utils.settings").public_view(here.settings.load())
    if asked.json:
        _print_json(view)
        return
    for name, value in view.items():
        print(f"{name:<18} {'' if value is None else value}")


def set_setting(here: Installation, asked: argparse.Namespace) -> None:
    """Save one setting."""
    here.settings.save({asked.name: asked.value})
    show_settings(here, asked)


def set_key(here: Installation, asked: argparse.Namespace) -> None:
    """Save the key, which is not shown while typed; an empty one removes it."""
    typed = getpass.getpass("APIXO key: ") if sys.stdin.isatty() else sys.stdin.readline()
    text = typed.strip()
    here.settings.save_key(load("utils.settings").parse_key(text) if text else None)
    show_settings(here, asked)


# The command


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cli.py", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--user-directory", type=Path, help="ComfyUI's user folder")
    parser.add_argument("--output-directory", type=Path, help="ComfyUI's output folder")
    parser.add_argument("--json", action="store_true", help="print JSON")
    groups = parser.add_subparsers(required=True, metavar="tasks|settings")
    _add_tasks(groups.add_parser("tasks", help="list, collect and settle tasks"))
    _add_settings(groups.add_parser("settings", help="show and change settings"))
    return parser


def _command(
    commands: Any, name: str, run: Callable[[Installation, argparse.Namespace], None]
) -> argparse.ArgumentParser:
    added: argparse.ArgumentParser = commands.add_parser(name, help=run.__doc__)
    # Also behind the command; there it must not undo what was said in front.
    added.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    added.set_defaults(run=run)
    return added


def _add_tasks(tasks: argparse.ArgumentParser) -> None:
    commands = tasks.add_subparsers(required=True, metavar="COMMAND")
    listing = _command(commands, "list", list_tasks)
    listing.add_argument("--limit", type=int, default=50, help="show at most this many rows")
    listing.add_argument("--state", default="", help="show only tasks in this state")
    _command(commands, "show", show_task).add_argument("row", type=int)
    collect = _command(commands, "collect", collect_task)
    collect.add_argument("task_id")
    collect.add_argument("--wait", type=float, metavar="MINUTES", help="how long to wait")
    adopt = _command(commands, "adopt", adopt_task)
    adopt.add_argument("row", type=int)
    adopt.add_argument("task_id")
    _command(commands, "abandon", abandon_task).add_argument("row", type=int)
    forget = _command(commands, "forget", forget_task)
    forget.add_argument("row", type=int)
    forget.add_argument("--force", action="store_true", help="even if the task is under way")


def _add_settings(settings: argparse.ArgumentParser) -> None:
    settings.set_defaults(run=show_settings)
    settings.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON"
    )
    commands = settings.add_subparsers(metavar="COMMAND")
    _command(commands, "show", show_settings)
    setting = _command(commands, "set", set_setting)
    setting.add_argument("name")
    setting.add_argument("value")
    _command(commands, "key", set_key)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):  # a pipe of Windows holds no prompt in Japanese
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    asked = _parser().parse_args(arguments)
    errors = load("utils.errors")
    here = Installation(asked.user_directory, asked.output_directory)
    try:
        asked.run(here, asked)
    except errors.WanAnimateError as error:
        print(str(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
