"""Opens files that claim more than they hold, and prints what that took; run as a process.

    python open_bombs.py PACK FILE …

For each file one line: the error's name or "read", and by how many MB memory grew at its peak.
"""

from __future__ import annotations

import resource
import sys
import types
from pathlib import Path


def peak_mb() -> float:
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) / 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def hold_to(more_bytes: int) -> None:
    """Refuse this process more memory than so much beyond what it has: the machine is others'."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> None:
    package = types.ModuleType("apixo_wan_animate")
    package.__path__ = [sys.argv[1]]
    sys.modules["apixo_wan_animate"] = package
    from apixo_wan_animate.utils.errors import WanAnimateError
    from apixo_wan_animate.utils.media.decode import decode
    from apixo_wan_animate.utils.media.probe import verify
    from apixo_wan_animate.utils.media.selection import Selection
    from apixo_wan_animate.utils.practice.cutout import read_cutout

    def read(path: Path) -> None:
        if path.suffix in {".png", ".jpg", ".webp"}:
            read_cutout(path, longest_px=64)
            return
        try:
            verify(path)
        finally:
            decode(path, Selection(count=1, longest_side=64))

    hold_to(4 << 30)
    for name in sys.argv[2:]:
        forget_peak()
        before = peak_mb()
        try:
            read(Path(name))
            how = "read"
        except WanAnimateError as error:
            how = type(error).__name__
        except BaseException as error:  # noqa: BLE001 - which one is what is asked
            how = f"NOT OURS {type(error).__name__}"
        print(f"{how}\t{peak_mb() - before:.0f}\t{Path(name).name}", flush=True)


if __name__ == "__main__":
    main()
