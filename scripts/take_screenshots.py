"""Take the pictures of templates, help pages and README from a real ComfyUI in practice mode.

    COMFYUI_PATH=… python scripts/take_screenshots.py

Needs Playwright, a Chromium and, for one template, VideoHelperSuite (`VHS_PATH`).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from comfy_page import ComfyPage, browser_path
from playwright.sync_api import sync_playwright
from running_comfyui import Comfy, install_pack, install_video_helper_suite, running

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "example_workflows"
IMAGES = ROOT / "docs" / "images"
HELP_IMAGES = ROOT / "web" / "docs" / "images"
SAMPLES = ROOT / "web" / "samples"
NODES = (
    "ApixoWanAnimate", "ApixoWanSubmit", "ApixoWanCollect", "ApixoUploadImage",
    "ApixoUploadVideo", "ApixoLoadFrames", "ApixoWanEstimate", "ApixoBalance",
)  # fmt: skip
HERO = "Replace a person in footage"
SIDE_PX = 640
GROUND = 20


def write_jpeg(target: Path, picture: np.ndarray, *, quality: int = 86) -> None:
    """Write a picture, BGR."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    target.write_bytes(data.tobytes())


def read(path: Path) -> np.ndarray:
    """A picture as BGR."""
    found = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    return found


def frame_of(path: Path, *, share: float = 0.5) -> np.ndarray:
    """One frame of a clip, at a share of its length."""
    clip = cv2.VideoCapture(str(path))
    clip.set(cv2.CAP_PROP_POS_FRAMES, int(clip.get(cv2.CAP_PROP_FRAME_COUNT) * share))
    good, frame = clip.read()
    clip.release()
    assert good
    return frame


def fitted(picture: np.ndarray, width: int, height: int, *, focus: float = 0.5) -> np.ndarray:
    """A picture cut and scaled to fill an extent; `focus` is where to look, 0 the top."""
    factor = max(width / picture.shape[1], height / picture.shape[0])
    size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
    scaled = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    left, top = (size[0] - width) // 2, round((size[1] - height) * focus)
    return scaled[top : top + height, left : left + width]


def contained(picture: np.ndarray, side: int) -> np.ndarray:
    """A whole picture in a square, on the ground of the page."""
    factor = side / max(picture.shape[:2])
    size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
    square = np.full((side, side, 3), GROUND, np.uint8)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    scaled = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    square[top : top + size[1], left : left + size[0]] = scaled
    return square


def before_and_after(clip: str, result: Path) -> np.ndarray:
    """Picture and clip above, the result below."""
    half = SIDE_PX // 2
    inputs = [
        fitted(read(SAMPLES / "wan_animate_fox.png"), half, half - 60, focus=0.15),
        fitted(frame_of(SAMPLES / clip), half, half - 60),
    ]
    below = fitted(frame_of(result), SIDE_PX, SIDE_PX - half + 60)
    return np.vstack([np.hstack(inputs), below])


def four(results: list[Path]) -> np.ndarray:
    """Four results in a square."""
    parts = [fitted(frame_of(path), SIDE_PX // 2, SIDE_PX // 2) for path in results]
    return np.vstack([np.hstack(parts[:2]), np.hstack(parts[2:])])


class Studio:
    """One page, and what is photographed on it."""

    def __init__(self, page: ComfyPage, comfy: Comfy) -> None:
        self.page = page
        self.comfy = comfy

    def results(self) -> list[Path]:
        """The results so far, oldest first."""
        folder = self.comfy.base / "output" / "wan_animate"
        return sorted(folder.glob("PRACTICE*.mp4"), key=lambda path: path.stat().st_mtime)

    def fit(self) -> None:
        """Show the whole graph."""
        self.page.command("Comfy.Canvas.FitView")
        self.page.page.wait_for_timeout(1200)

    def run_template(self, name: str) -> list[Path]:
        """Open a template and run it; gives the results that it made."""
        before = len(self.results())
        self.page.load_template(name)
        self.page.run_to_the_end()
        self.page.page.wait_for_timeout(2500)
        self.fit()
        return self.results()[before:]

    def shoot(self, target: Path) -> np.ndarray:
        """Photograph the page."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "shot.png"
            self.page.screenshot(file)
            picture = read(file)
        write_jpeg(target, picture)
        return picture

    def cut(self, selector: str, *, pad_px: int = 14) -> np.ndarray:
        """Photograph what lies around some elements of the page."""
        box = self.page.run(
            "selector => { const boxes = [...document.querySelectorAll(selector)]"
            "  .map(element => element.getBoundingClientRect());"
            "  const x = Math.min(...boxes.map(b => b.left));"
            "  const y = Math.min(...boxes.map(b => b.top));"
            "  return { x, y, width: Math.max(...boxes.map(b => b.right)) - x,"
            "    height: Math.max(...boxes.map(b => b.bottom)) - y }; }",
            selector,
        )
        clip = {
            "x": box["x"] - pad_px, "y": box["y"] - pad_px,
            "width": box["width"] + 2 * pad_px, "height": box["height"] + 2 * pad_px,
        }  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "shot.png"
            self.page.page.screenshot(path=str(file), clip=clip)
            return read(file)


def templates(studio: Studio) -> None:
    """A square picture beside each template."""
    orange = studio.run_template(HERO)[-1]
    made = {HERO: before_and_after("wan_animate_walk.mp4", orange)}
    studio.page.open_panel()
    studio.fit()
    studio.shoot(IMAGES / "hero.jpg")
    studio.page.command("Workspace.ToggleSidebarTab.apixo-wan-tasks")
    results = studio.run_template("Animate a picture")
    made["Animate a picture"] = before_and_after("wan_animate_dance.mp4", results[-1])
    # The first of the four was made above, and is not made again.
    others = studio.run_template("One clip, four characters")
    made["One clip, four characters"] = four([orange, *others])
    studio.run_template("Result beside the footage")
    stitched = sorted((studio.comfy.base / "output" / "wan_animate").glob("side_by_side*"))
    moments = [frame_of(stitched[-1], share=share) for share in (0.25, 0.5, 0.75)]
    made["Result beside the footage"] = contained(np.vstack(moments), SIDE_PX)
    for name in ("Submit now, collect later", "Pictures and clips to URLs",
                 "Frames through VideoHelperSuite"):  # fmt: skip
        studio.run_template(name)
        studio.page.page.wait_for_timeout(6000)  # until the toasts are gone
        picture = studio.cut("[data-node-id]:not([data-node-id='1'])")
        made[name] = contained(picture, SIDE_PX)
    for name, picture in made.items():
        write_jpeg(TEMPLATES / f"{name}.jpg", picture)


def nodes(studio: Studio) -> None:
    """Each node alone, for its help page."""
    for name in NODES:
        studio.page.run(
            "name => { app.graph.clear(); const node = LiteGraph.createNode(name);"
            " node.pos = [60, 60]; app.graph.add(node); app.canvas.ds.scale = 1;"
            " app.canvas.ds.offset = [60, 110]; app.canvas.setDirty(true, true); }",
            name,
        )
        studio.page.page.wait_for_timeout(900)
        write_jpeg(HELP_IMAGES / f"{name}.jpg", studio.cut("[data-node-id]"))


def pages(studio: Studio) -> None:
    """The panel, the settings and the template browser."""
    page = studio.page
    page.load_template(HERO)
    page.open_panel()
    page.page.wait_for_timeout(1500)
    shot = studio.shoot(IMAGES / "panel.jpg")
    write_jpeg(IMAGES / "panel.jpg", shot[:, : round(shot.shape[1] * 0.27)])
    page.command("Workspace.ToggleSidebarTab.apixo-wan-tasks")
    page.open_settings()
    page.page.wait_for_timeout(800)
    studio.shoot(IMAGES / "settings.jpg")
    page.close_dialogs()
    page.page.get_by_role("button", name="Templates").first.click()
    dialog = page.page.locator("[role=dialog]").last
    dialog.get_by_text("Wan Animate (APIXO)").first.click()
    page.page.wait_for_timeout(2500)
    studio.shoot(IMAGES / "templates.jpg")
    page.close_dialogs()


def main() -> None:
    """Take every picture."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        base = Path(folder)
        install_pack(base)
        install_video_helper_suite(base)
        browser = playwright.chromium.launch(
            executable_path=browser_path(), args=["--no-sandbox", "--disable-gpu"]
        )
        with running(base, environment={"APIXO_WAN_PRACTICE": "1"}) as comfy:
            size = {"width": 1440, "height": 900}
            context = browser.new_context(viewport=size, device_scale_factor=1.25)
            page = ComfyPage(context.new_page(), comfy).open()
            page.set("Comfy.Minimap.Visible", False)
            page.use_nodes_2(True)
            studio = Studio(page, comfy)
            wanted = sys.argv[1:] or ["templates", "nodes", "pages"]
            for name, take in (("templates", templates), ("nodes", nodes), ("pages", pages)):
                if name in wanted:
                    take(studio)
        browser.close()


if __name__ == "__main__":
    main()
