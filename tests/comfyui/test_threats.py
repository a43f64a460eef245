"""In a real ComfyUI: names that lead out of its folders, and marked secrets that must not show."""

from __future__ import annotations

import json
import shutil

import pytest
import requests
from graphs import small_clip, small_makers
from marks import (
    BUCKET_KEY,
    BUCKET_SECRET,
    HOOK_TOKEN,
    RESULT_SIGNATURE,
    found_below,
    found_in,
)
from open_bucket import OpenBucket
from running_comfyui import PACK, error_of, install_pack, running, succeeded
from secret_service import SECRET, SecretService

pytestmark = pytest.mark.comfyui


def load(file: str) -> dict:
    inputs = {"url": "", "file": file, "first_frame": 0, "frame_count": 1, "every_nth": 1,
              "longest_side": 64}  # fmt: skip
    return {
        "1": {"class_type": "ApixoLoadFrames", "inputs": inputs},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 3]}},
    }


@pytest.fixture(scope="module")
def outside(comfy):
    """Clips beside ComfyUI's folders and among its secrets, with links to them from inside."""
    clip = next((PACK / "web" / "samples").glob("*.mp4"))
    state = comfy.base / "user" / "__apixo_wan_animate"
    state.mkdir(parents=True, exist_ok=True)
    for place in (comfy.base / "secret.mp4", state / "secret.mp4", comfy.base / "input" / "ok.mp4",
                  comfy.base / "output" / "ok.mp4"):  # fmt: skip
        shutil.copy(clip, place)
    folder = comfy.base / "input"
    (folder / "link.mp4").symlink_to(comfy.base / "secret.mp4")
    (folder / "folder").symlink_to(comfy.base, target_is_directory=True)
    (folder / "link [output].mp4").symlink_to(comfy.base / "secret.mp4")
    return comfy.base


NAMES = [
    "../secret.mp4", "sub/../../secret.mp4", "./../input/../secret.mp4", "../secret.mp4 [output]",
    "../secret.mp4 [temp]", "../user/__apixo_wan_animate/secret.mp4", "link.mp4",
    "folder/secret.mp4", "link [output].mp4", "../input_evil/x.mp4", "/etc/passwd", "/dev/zero",
    "/proc/self/environ", "/dev/stdin [input]", "file:///etc/passwd", "~/secret.mp4",
    "C:\\secret.mp4", "..\\secret.mp4", "\\\\127.0.0.1\\share\\secret.mp4", "//127.0.0.1/share/a",
    "%2e%2e/secret.mp4", "secret.mp4\0", "..", ".", "[output]", " [temp]", "x" * 5000, "a\nb",
    "{base}/secret.mp4", "{base}/secret.mp4 [output]", "concat:{base}/secret.mp4",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=lambda n: ascii(n[:40]))
def test_no_name_leads_out_of_the_folders(comfy, outside, name):
    entry = comfy.run(load(name.replace("{base}", str(outside))))
    assert not succeeded(entry)
    message = error_of(entry)
    assert "input" in message
    assert message.strip().isprintable()
    assert "Traceback" not in message


@pytest.mark.parametrize("name", ["ok.mp4", "ok.mp4 [input]", "ok.mp4 [output]", " ok.mp4 "])
def test_names_inside_are_read(comfy, outside, name):
    entry = comfy.run(load(name))
    assert succeeded(entry), error_of(entry)


MARKS = {
    "the key": SECRET,
    "the bucket's key": BUCKET_KEY,
    "the bucket's secret": BUCKET_SECRET,
    "the token of a callback": HOOK_TOKEN,
    "the signature of a result": RESULT_SIGNATURE,
}


def saving_everything() -> dict:
    """A run whose picture and video are saved by the host, with the workflow in their tags."""
    return small_makers() | {
        "3": small_clip(seed=7),
        "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "p"}},
        "5": {"class_type": "SaveVideo", "inputs": {"video": ["3", 1], "filename_prefix": "v",
                                                    "format": "mp4", "codec": "h264"}},
        "6": {"class_type": "ApixoUploadImage", "inputs": {"image": ["11", 0], "host": "auto"}},
        "7": {"class_type": "ApixoBalance", "inputs": {}},
    }  # fmt: skip


def test_marked_secrets_are_nowhere_after_a_run(tmp_path):
    base = tmp_path / "base"
    install_pack(base)
    with (
        OpenBucket() as bucket,
        SecretService(tmp_path / "theirs", signature=RESULT_SIGNATURE) as service,
    ):
        environment = {
            "APIXO_API_KEY": SECRET, "APIXO_BASE_URL": service.origin,
            "APIXO_WAN_STORE": "s3://bucket/prefix", "AWS_ENDPOINT_URL": bucket.origin,
            "AWS_ACCESS_KEY_ID": BUCKET_KEY, "AWS_SECRET_ACCESS_KEY": BUCKET_SECRET,
            "AWS_REGION": "us-east-1",
            "APIXO_WAN_CALLBACK": f"https://127.0.0.1:9/hook?token={HOOK_TOKEN}",
        }  # fmt: skip
        with running(base, environment=environment, arguments=("--verbose", "DEBUG")) as comfy:
            workflow = {"extra_data": {"extra_pnginfo": {"workflow": {"nodes": []}}}}
            reply = comfy.post("/prompt", {"prompt": saving_everything(), **workflow})
            entry = comfy.wait(reply.json()["prompt_id"])
            assert succeeded(entry), error_of(entry)
            service.repeat = f"Bearer {SECRET} is not allowed"
            failed = comfy.run(small_makers() | {"3": small_clip(seed=8)})
            assert "not allowed" in error_of(failed)
            pages = ("/history", "/queue", "/settings", "/object_info", "/system_stats",
                     "/userdata?dir=.", "/apixo_wan_animate/tasks", "/apixo_wan_animate/status",
                     "/internal/logs", "/internal/logs/raw")  # fmt: skip
            answers = [requests.get(comfy.url + page, timeout=30).text for page in pages]
    links = [url for body in service.submitted for url in body["input"]["image_urls"]]
    marks = MARKS | {"a signature": links[0].partition("X-Amz-Signature=")[2]}
    assert len(marks["a signature"]) == 64
    assert json.loads(answers[0])
    for page, text in zip(pages, answers, strict=True):
        assert (page, found_in(text.encode(), marks)) == (page, set())
    assert list((base / "output").glob("v_*.mp4"))
    assert list((base / "output").glob("p_*.png"))
    assert found_below(base, marks, beside=(base / "custom_nodes",)) == {}
