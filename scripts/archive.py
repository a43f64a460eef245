"""Pack what users get, as the registry's own tool packs it: what Git tracks, less `.comfyignore`.

    python scripts/archive.py --target dist/apixo-wan-animate.zip

Git itself reads `.comfyignore`, whose patterns are those of a `.gitignore`. The same files give
the same bytes at each run.
"""

from __future__ import annotations

import argparse
import subprocess
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IGNORED = ".comfyignore"
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a ZIP file can hold; a member's own would change with each checkout."""


def packed_files(*, untracked: bool = False) -> list[Path]:
    """What is packed, as paths inside the repository.

    Args:
        untracked: Also new files that Git does not track yet: they are packed once committed.

    Raises:
        RuntimeError: Git is missing, or this is no checkout.
    """
    which = ["--cached", *(["--others", "--exclude-standard"] if untracked else [])]
    left_out = _listed(*which, "--ignored", f"--exclude-from={IGNORED}")
    return sorted(path for path in _listed(*which) - left_out if (ROOT / path).is_file())


def _listed(*options: str) -> set[Path]:
    command = ["git", "-C", str(ROOT), "ls-files", "-z", *options]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise RuntimeError(
            f"Git cannot list the files of {ROOT.name}. Install Git and pack from a clone."
        ) from error
    return {Path(name) for name in done.stdout.decode("utf-8").split("\0") if name}


def write(target: Path, *, untracked: bool = False) -> list[Path]:
    """Write the archive; gives what is in it."""
    files = packed_files(untracked=untracked)
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files:
            member = zipfile.ZipInfo(path.as_posix(), LONG_AGO)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, (ROOT / path).read_bytes())
    return files


def main() -> int:
    """Pack where the command says, and list what is in it."""
    parser = argparse.ArgumentParser(description="Pack what users get.")
    parser.add_argument("--target", type=Path, default=ROOT / "dist" / "apixo-wan-animate.zip")
    target = parser.parse_args().target.resolve()
    files = write(target)
    for path in files:
        print(f"{(ROOT / path).stat().st_size:>9,}  {path.as_posix()}")
    print(f"{target}: {len(files)} files, {target.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
