"""Write the example workflows and the sample files that they load.

    python scripts/draw_templates.py

Each workflow is described here once, in the form that every page from ComfyUI 0.23 on reads. Their
pictures are taken from a real page by `scripts/take_screenshots.py`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))  # its neighbours are no package

from draw_samples import draw
from workflow_graph import DANCE, FOX, TEMPLATES, WALK, Graph

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "web" / "samples"

FOXES = {"blue": 105, "green": 45, "violet": 130}
"""Recoloured foxes: by how much the hue is turned, in OpenCV's half degrees."""

FREE = """
**Free to try:** switch on *Practice mode* in Settings → Wan Animate (APIXO), then press **Run**. \
Practice needs no key, costs nothing, and marks every frame PRACTICE. The sample files are \
copied into your input folder when you open this workflow.

**For real:** enter your APIXO key in the same settings, and choose there how your files reach \
the service. You pay for each second of the clip, at least 5 seconds.
"""


def replace_a_person() -> None:
    """The shortest way: a picture and a clip."""
    graph = Graph()
    graph.note(f"""
# Replace a person in footage

The fox replaces the person walking through the park. Light, camera and background \
stay as they are.

1. **Load Image**: your character, ideally the whole body, seen from the front.
2. **Load Video**: your footage with one person in it.
3. **Run**. The line under the node says what is happening; the result plays in the node and is \
saved in `output/wan_animate`.
{FREE}
The same picture, clip and seed are never paid for twice. Change the **seed** for a new take.
""", height=560)  # fmt: skip
    picture = graph.add("LoadImage", (0, 0))
    clip = graph.add("LoadVideo", (0, 480))
    node = graph.add("ApixoWanAnimate", (380, 0), type="replace")
    graph.wire((picture, "IMAGE"), (node, "character"))
    graph.wire((clip, "VIDEO"), (node, "motion"))
    graph.write("Replace a person in footage")


def animate_a_picture() -> None:
    """The other type: the picture moves."""
    graph = Graph()
    graph.note(f"""
# Animate a picture

The character of the picture moves like the person in the clip; the background is the picture's own.

- **type** is *animate* here. With *replace*, the character would appear in the clip instead.
- Picture and clip work best with the same framing, such as the whole body in both.
- Sound: the clip's music is uploaded with it, and put back if the result is silent. Set **sound** \
to *none* to leave it out.
{FREE}
""", height=500)  # fmt: skip
    picture = graph.add("LoadImage", (0, 0))
    clip = graph.add("LoadVideo", (0, 480), file=DANCE)
    node = graph.add("ApixoWanAnimate", (380, 0), type="animate")
    graph.wire((picture, "IMAGE"), (node, "character"))
    graph.wire((clip, "VIDEO"), (node, "motion"))
    graph.write("Animate a picture")


def video_helper_suite() -> None:
    """Frames in and out, with the loader and the writer that many graphs have."""
    graph = Graph()
    graph.note(f"""
# Frames through VideoHelperSuite

Needs the pack *ComfyUI-VideoHelperSuite*.

- **Load Video** (VHS) gives frames and sound; **Video Info** gives their frame rate. They go into \
*motion_frames*, *audio* and *frame_rate* of Wan Animate: frames need a rate, which tells how long \
the clip is.
- **Video Combine** (VHS) writes the result's frames with the frame rate and sound that came back.
{FREE}
""", height=480)  # fmt: skip
    picture = graph.add("LoadImage", (0, 0))
    clip = graph.add("VHS_LoadVideo", (0, 480))
    info = graph.add("VHS_VideoInfoLoaded", (0, 1180))
    node = graph.add("ApixoWanAnimate", (380, 0))
    out = graph.add("VHS_VideoCombine", (860, 0))
    graph.wire((picture, "IMAGE"), (node, "character"))
    graph.wire((clip, "IMAGE"), (node, "motion_frames"))
    graph.wire((clip, "audio"), (node, "audio"))
    graph.wire((clip, "video_info"), (info, "video_info"))
    graph.wire((info, "fps🟦"), (node, "frame_rate"))
    graph.wire((node, "frames"), (out, "images"))
    graph.wire((node, "audio"), (out, "audio"))
    graph.wire((node, "frame_rate"), (out, "frame_rate"))
    graph.write("Frames through VideoHelperSuite")


def four_characters() -> None:
    """A list: as many tasks as it has pictures, all at once."""
    graph = Graph()
    graph.note(f"""
# One clip, four characters

**Create List** passes four pictures to one node. That makes four tasks, all running at the same \
time: four results in little more time than one. The clip is uploaded once.

- Each task is billed separately: four times the seconds of the clip.
- *decode_frames* is off here, so that no memory is used for frames; the videos are in \
`output/wan_animate`, and all four are in the tasks panel on the left.
- Add or remove pictures as you like. A *batch* of pictures is refused, because it could \
mean several things.
{FREE}
""", height=560)  # fmt: skip
    names = [FOX, *(f"wan_animate_fox_{colour}.jpg" for colour in FOXES)]
    pictures = [
        graph.add("LoadImage", (340 * (n % 2), 460 * (n // 2)), image=name)
        for n, name in enumerate(names)
    ]
    clip = graph.add("LoadVideo", (0, 940))
    several = graph.add("CreateList", (700, 0))
    node = graph.add("ApixoWanAnimate", (960, 0), decode_frames=False)
    for number, picture in enumerate(pictures):
        graph.wire((picture, "IMAGE"), (several, f"inputs.input{number}"))
    graph.wire((several, "list"), (node, "character"))
    graph.wire((clip, "VIDEO"), (node, "motion"))
    graph.write("One clip, four characters")


def submit_and_collect() -> None:
    """Two halves: the queue does not wait in between."""
    graph = Graph()
    graph.note(f"""
# Submit now, collect later

1. **Run.** *Submit* sends the task, and the queue is free as soon as it is accepted. Go on with \
other work; close ComfyUI if you like (not in practice mode).
2. **Later**: select *Collect*, press **Ctrl+M** to unmute it, and run again. *Submit* reuses \
its first run without being billed again, and *Collect* brings the result into the graph.

A task id alone is enough for *Collect*, even on another machine: type it in, or use *Add to \
graph* in the tasks panel. The result is saved in `output/wan_animate` in any case.
{FREE}
""", height=540)  # fmt: skip
    picture = graph.add("LoadImage", (0, 0))
    clip = graph.add("LoadVideo", (0, 480))
    submit = graph.add("ApixoWanSubmit", (380, 0))
    collect = graph.add("ApixoWanCollect", (860, 0), mode=2)
    graph.wire((picture, "IMAGE"), (submit, "character"))
    graph.wire((clip, "VIDEO"), (submit, "motion"))
    graph.wire((submit, "task"), (collect, "task"))
    graph.write("Submit now, collect later")


def upload_nodes() -> None:
    """The uploads alone, for anything that wants a URL."""
    graph = Graph()
    graph.note(f"""
# From media to URLs

**Upload Image** and **Upload Video** upload a picture or a clip to the place chosen in your \
settings and output its URL: for the *…_url* inputs of Wan Animate, or any other node that \
needs one.

- Nothing of your workflow goes with it: no metadata, a random name.
- A link may be signed: whoever has it can read the file until it expires. It is visible in this \
graph and in ComfyUI's history, so be careful when sharing them.
{FREE}
""", height=480)  # fmt: skip
    picture = graph.add("LoadImage", (0, 0))
    clip = graph.add("LoadVideo", (0, 480))
    image = graph.add("ApixoUploadImage", (380, 0))
    video = graph.add("ApixoUploadVideo", (380, 480))
    graph.wire((picture, "IMAGE"), (image, "image"))
    graph.wire((clip, "VIDEO"), (video, "video"))
    for source, y in ((image, 0), (video, 480)):
        graph.wire((source, "url"), (graph.add("PreviewAny", (760, y)), "source"))
    graph.write("Pictures and clips to URLs")


def side_by_side() -> None:
    """What core nodes make of it: the footage beside the result."""
    graph = Graph()
    graph.note(f"""
# Result beside the footage

Everything after Wan Animate is ComfyUI's own: **Get Video Components** splits the footage, \
**Stitch Images** puts the result beside it, **Create Video** and **Save Video** save both as one \
clip with sound.

- The result's own video is in `output/wan_animate`; this one is saved beside it.
- Long clips need memory for all their frames. *longest_side* and *every_nth* of Wan Animate make \
them smaller as they are decoded.
{FREE}
""", height=500)  # fmt: skip
    picture = graph.add("LoadImage", (0, 0))
    clip = graph.add("LoadVideo", (0, 480))
    node = graph.add("ApixoWanAnimate", (380, 0))
    parts = graph.add("GetVideoComponents", (860, 0))
    both = graph.add("ImageStitch", (860, 180))
    made = graph.add("CreateVideo", (860, 420))
    saved = graph.add("SaveVideo", (1240, 0))
    graph.wire((picture, "IMAGE"), (node, "character"))
    graph.wire((clip, "VIDEO"), (node, "motion"))
    graph.wire((clip, "VIDEO"), (parts, "video"))
    graph.wire((parts, "images"), (both, "image1"))
    graph.wire((node, "frames"), (both, "image2"))
    graph.wire((both, "IMAGE"), (made, "images"))
    graph.wire((node, "audio"), (made, "audio"))
    graph.wire((node, "frame_rate"), (made, "fps"))
    graph.wire((made, "VIDEO"), (saved, "video"))
    graph.write("Result beside the footage")


def recoloured(picture: np.ndarray, *, turn: int) -> np.ndarray:
    """The same fox in another colour."""
    hsv = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + turn) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


def write_samples() -> None:
    """Draw the sample files under names that no user's file bears."""
    SAMPLES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        drawn = draw(Path(folder))
        shutil.copy(drawn.character, SAMPLES / FOX)
        shutil.copy(drawn.motion, SAMPLES / WALK)
        shutil.copy(drawn.motion_portrait, SAMPLES / DANCE)
    fox = cv2.imdecode(np.fromfile(SAMPLES / FOX, np.uint8), cv2.IMREAD_COLOR)
    for colour, turn in FOXES.items():
        _, data = cv2.imencode(".jpg", recoloured(fox, turn=turn), [cv2.IMWRITE_JPEG_QUALITY, 88])
        (SAMPLES / f"wan_animate_fox_{colour}.jpg").write_bytes(data.tobytes())


def main() -> None:
    """Write everything."""
    write_samples()
    for write in (
        replace_a_person, animate_a_picture, video_helper_suite, four_characters,
        submit_and_collect, upload_nodes, side_by_side,
    ):  # fmt: skip
        write()
    for path in [*sorted(SAMPLES.iterdir()), *sorted(TEMPLATES.glob("*.json"))]:
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
