"""Where another pack listens to FFmpeg's log, its threads want the lock that Python holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from clips_made import Recipe, numbered_pictures, write_clip

ROOT = Path(__file__).resolve().parents[2]

LISTENING = """
import sys, types
package = types.ModuleType("apixo_wan_animate")
package.__path__ = [sys.argv[1]]
sys.modules["apixo_wan_animate"] = package
import logging, threading
from pathlib import Path
import av
av.logging.set_level(av.logging.DEBUG)
logging.basicConfig(level=logging.CRITICAL)
from apixo_wan_animate.utils.media.encode import encode_clip
from apixo_wan_animate.utils.media.probe import probe, verify
from apixo_wan_animate.utils.media.types import FileClip
clip = Path(sys.argv[2])
for _ in range(4):
    probe(clip)
    verify(clip)
    encode_clip(FileClip(clip, duration_s=0.2), clip.with_name("sent.mp4"))
print("read")
"""


def test_clips_are_read_where_another_pack_listens_to_ffmpeg(tmp_path):
    """Freeing a decoder while its threads work, and write to the log, waited for ever."""
    clip = tmp_path / "clip.mkv"
    write_clip(clip, numbered_pictures(40, 208, 224), Recipe(options={"bf": "2", "g": "12"}))
    run = subprocess.run(
        [sys.executable, "-c", LISTENING, str(ROOT), str(clip)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.stdout == "read\n", run.stderr[-2000:]
