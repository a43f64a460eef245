"""Run the practice service as a process of its own, until it is interrupted.

Prints its origin as the first line:

    python scripts/practice_server.py --port 0 --folder /tmp/practice
"""

from __future__ import annotations

import argparse
import importlib
import sys
import types
from pathlib import Path
from threading import Event

PACK = Path(__file__).resolve().parent.parent
ALIAS = "apixo_wan_animate"


def main() -> int:
    """Serve until Ctrl+C, or until standard input ends with `--until-eof`."""
    parser = argparse.ArgumentParser(description="The practice service, on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--folder", type=Path, required=True, help="where its files lie")
    parser.add_argument(
        "--until-eof", action="store_true", help="stop when standard input is closed"
    )
    arguments = parser.parse_args()
    # The pack's folder may bear any name, and its modules import each other relatively.
    package = types.ModuleType(ALIAS)
    package.__path__ = [str(PACK)]
    sys.modules[ALIAS] = package
    clock = importlib.import_module(f"{ALIAS}.utils.clock").SystemClock()
    practice = importlib.import_module(f"{ALIAS}.utils.practice")
    service = practice.PracticeService(clock, folder=arguments.folder)
    print(service.start(arguments.port), flush=True)
    try:
        if arguments.until_eof:
            sys.stdin.read()
        else:
            Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        service.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
