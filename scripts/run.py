"""The project's commands, each doing its own set-up: `python scripts/run.py demo`.

demo      From two files to frames, through the practice service (or APIXO with LIVE=1).
test      Everything that is checked, or only what is named: style types tests comfyui page.
test-oldest  The tests of Python with the oldest releases that requirements.txt allows
          (TORCH=oldest: of PyTorch too, which on Linux is gigabytes).
fix       Format and mend what the formatter can.
samples   Draw the sample inputs.
brand     Draw the icon and the banner.
pack      Pack what users get into dist/.
bench     Measure; takes minutes.
crash     Kill and restart at every state; takes minutes.
soak      Twenty tasks at a time in bad weather: `--minutes 60`; then nothing may be left.
fuzz      Damaged clips, pictures, replies and settings; takes an hour, `--share 0.01` a minute.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
RUNTIME = ("requirements.txt",)
EVERYTHING = ("requirements.txt", "requirements-dev.txt")


def say(text: str) -> None:
    """One line on the screen, in order with what the children print."""
    print(text, flush=True)


def run(*command: str | Path, cwd: Path = ROOT) -> int:
    """Run one command and give its exit code."""
    say("$ " + " ".join(Path(c).name if isinstance(c, Path) else c for c in command))
    return subprocess.run([str(c) for c in command], cwd=cwd, check=False).returncode


def set_up(files: tuple[str, ...]) -> None:
    """Make the private environment, or bring it up to these requirement files."""
    stamps = [VENV / f"{name}.stamp" for name in files]
    wanted = [
        hashlib.sha256(
            (ROOT / name).read_bytes() + (ROOT / "constraints.txt").read_bytes()
        ).hexdigest()
        for name in files
    ]
    found = [stamp.read_text() if stamp.exists() else "" for stamp in stamps]
    if PYTHON.exists() and found == wanted:
        return
    if sys.version_info < (3, 10):  # noqa: UP036 - an older one may well be asked to run this
        sys.exit(f"Python {sys.version.split()[0]} is too old. Use Python 3.10 or newer.")
    if not PYTHON.exists():
        say("Making a private environment in .venv (once) …")
        venv.create(VENV, with_pip=True, clear=VENV.exists())
    say("Installing what the pack needs (PyTorch is the large one) …")
    requirements = [word for name in files for word in ("-r", name)]
    install = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    code = run(*install, "-c", "constraints.txt", *requirements)
    if code:
        sys.exit("The installation failed; pip says why above. Mend that and run this again.")
    for stamp, text in zip(stamps, wanted, strict=True):
        stamp.write_text(text)


def demo() -> int:
    """Run the whole way once and leave its report."""
    set_up(RUNTIME)
    return run(PYTHON, ROOT / "scripts" / "demo.py")


def test() -> int:
    """Run every check, or those that are named; say at the end which of them failed."""
    wanted = sys.argv[2:] or list(CHECKS)
    if unknown := [name for name in wanted if name not in CHECKS]:
        sys.exit(f"There is no check named {unknown[0]}. Name some of: {', '.join(CHECKS)}.")
    set_up(EVERYTHING)
    failed = [name for name in wanted if CHECKS[name]() != 0]
    say("All checks passed." if not failed else f"FAILED: {', '.join(failed)}")
    return 1 if failed else 0


def fix() -> int:
    """Format and mend."""
    set_up(EVERYTHING)
    return run(PYTHON, "-m", "ruff", "check", "--fix", ".") | run(PYTHON, "-m", "ruff", "format")


def samples() -> int:
    """Draw the sample inputs."""
    set_up(RUNTIME)
    return run(PYTHON, ROOT / "scripts" / "draw_samples.py")


def brand() -> int:
    """Draw the icon and the banner."""
    set_up(RUNTIME)
    return run(PYTHON, ROOT / "scripts" / "draw_brand.py")


def pack() -> int:
    """Pack what users get."""
    return run(sys.executable, ROOT / "scripts" / "archive.py")


def bench() -> int:
    """Measure everything that is promised in figures; beside a real ComfyUI where one is named."""
    set_up(EVERYTHING)
    parts = sys.argv[2:]
    code = run(_python_with_comfyui(), ROOT / "benchmarks" / "run.py", *parts)
    return code if parts else code | run(PYTHON, ROOT / "benchmarks" / "tasks.py")


def _python_with_comfyui() -> Path:
    """The Python of the ComfyUI that `COMFYUI_PATH` names, or our own."""
    comfyui = Path(os.environ.get("COMFYUI_PATH") or VENV.parent)
    names = ("bin/python", "Scripts/python.exe")
    beside = [comfyui / folder / name for folder in (".venv", "venv") for name in names]
    return next((path for path in beside if path.exists()), PYTHON)


def crash() -> int:
    """Kill and restart at every state."""
    set_up(EVERYTHING)
    return run(PYTHON, ROOT / "scripts" / "crash.py", *sys.argv[2:])


def soak() -> int:
    """Load for a long time, in bad weather."""
    set_up(EVERYTHING)
    return run(PYTHON, ROOT / "scripts" / "soak.py", *sys.argv[2:])


def fuzz() -> int:
    """Feed damaged media, replies and settings to whatever reads them."""
    set_up(EVERYTHING)
    return run(PYTHON, ROOT / "scripts" / "fuzz.py", *sys.argv[2:])


def test_oldest() -> int:
    """Run the plain tests with the oldest releases that requirements.txt allows."""
    return _tests(_set_up_oldest())


def _set_up_oldest() -> Path:
    """An environment of its own, with what `_oldest` finds; so no version stands twice."""
    folder = ROOT / ".venv-oldest"
    python = folder / PYTHON.relative_to(VENV)
    pinned = {} if os.environ.get("TORCH") == "oldest" else _pins(ROOT / "constraints.txt")
    known = b"".join((ROOT / name).read_bytes() for name in EVERYTHING) + repr(pinned).encode()
    stamp, wanted = folder / ".stamp", hashlib.sha256(known).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    say("Making an environment with the oldest releases in .venv-oldest …")
    venv.create(folder, with_pip=True, clear=folder.exists())
    lines = (ROOT / "requirements.txt").read_text().split()
    oldest = [pinned.get(line.split(">=")[0]) or _oldest(python, line) for line in lines]
    pins = folder / "oldest.txt"
    pins.write_text("\n".join(oldest) + "\n")
    say(" ".join(oldest))
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    if run(*pip, "-r", pins, "-r", "requirements-dev.txt"):
        sys.exit("The installation failed; pip says why above. Mend that and run this again.")
    stamp.write_text(wanted)
    return python


def _pins(file: Path) -> dict[str, str]:
    """Lines such as torch==2.13.0, by their names."""
    lines = [line for line in file.read_text().splitlines() if "==" in line]
    return {line.split("==")[0]: line for line in lines}


def _oldest(python: Path, requirement: str) -> str:
    """The oldest release within a lower bound that this Python can use without a compiler."""
    name, bound = requirement.split(">=")
    command = [str(python), "-m", "pip", "index", "versions", name, "--only-binary", ":all:"]
    told = subprocess.run(command, check=False, capture_output=True, text=True)
    line = next((x for x in told.stdout.splitlines() if x.startswith("Available versions:")), "")
    there = [text.strip() for text in line.partition(":")[2].split(",")]
    fits = [v for v in there if v.replace(".", "").isdigit() and _order(v) >= _order(bound)]
    if not fits:
        sys.exit(f"pip knows no release of {requirement}: {told.stderr.strip()[-500:]}")
    return f"{name}=={min(fits, key=_order)}"


def _order(version: str) -> list[int]:
    numbers = [int(part) for part in version.split(".")]
    while numbers and numbers[-1] == 0:  # 2.32.0 is 2.32
        numbers.pop()
    return numbers


def _style() -> int:
    return run(PYTHON, "-m", "ruff", "check", ".") | run(
        PYTHON, "-m", "ruff", "format", "--check", "."
    )


def _types() -> int:
    return run(PYTHON, "-m", "pyright", "--pythonpath", PYTHON, "--warnings")


def _tests(python: Path = PYTHON) -> int:
    _npm_parts("hosting/s3")  # a real S3 server; without it those tests say that they skip
    many = ("-n", "3", "--dist", "loadfile")  # much of the time is waiting
    return run(python, "-m", "pytest", "-q", "-ra", "--durations=10", *many, "-m", "not comfyui")


def _host_tests() -> int:
    return run(PYTHON, "-m", "pytest", "-q", "-ra", "-rP", "-m", "comfyui")


def _browser_side() -> int:
    folder = _npm_parts("web")
    if folder is None:
        say("SKIPPED: the browser side's tests need Node.js 20 or newer on the PATH.")
        return 0
    return run(shutil.which("npm") or "npm", "test", "--silent", cwd=folder)


def _npm_parts(name: str) -> Path | None:
    """Install what a folder of tests needs from npm; None where there is no Node.js, or no way."""
    folder, npm = ROOT / "tests" / name, shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return None
    lock, stamp = folder / "package-lock.json", folder / "node_modules" / ".stamp"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        if run(npm, "ci", "--silent", "--no-audit", "--no-fund", cwd=folder):
            return None
        stamp.write_text(wanted)
    return folder


CHECKS = {
    "style": _style,
    "types": _types,
    "tests": _tests,
    "comfyui": _host_tests,
    "page": _browser_side,
}
COMMANDS = {
    "demo": demo,
    "test": test,
    "test-oldest": test_oldest,
    "fix": fix,
    "samples": samples,
    "brand": brand,
    "pack": pack,
    "bench": bench,
    "crash": crash,
    "soak": soak,
    "fuzz": fuzz,
}


def main() -> int:
    """Run the command that was named."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in COMMANDS:
        say(__doc__ or "")
        return 2
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    return COMMANDS[name]()


if __name__ == "__main__":
    sys.exit(main())
