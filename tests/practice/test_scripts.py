"""The drawn samples, and the practice service as a process of its own."""

from __future__ import annotations

import subprocess
import sys

import av
import cv2
import numpy as np
import pytest
import requests
from loaded_script import SCRIPTS, loaded_script

from .caller import API, KEY


@pytest.fixture(scope="module")
def drawer():
    return loaded_script("draw_samples")


@pytest.fixture(scope="module")
def samples(drawer, tmp_path_factory):
    return drawer.draw(tmp_path_factory.mktemp("samples"))


def test_the_drawn_character_has_a_ground_or_none(samples):
    plain = cv2.imread(str(samples.character), cv2.IMREAD_UNCHANGED)
    cut = cv2.imread(str(samples.character_transparent), cv2.IMREAD_UNCHANGED)
    assert (plain.shape, cut.shape) == ((768, 512, 3), (768, 512, 4))
    assert 0.3 < (cut[..., 3] > 127).mean() < 0.6


@pytest.mark.parametrize(
    ("name", "size"), [("motion", (832, 480)), ("motion_portrait", (480, 832))]
)
def test_the_drawn_clips_are_four_seconds_with_sound(samples, name, size):
    with av.open(str(getattr(samples, name))) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert (picture.width, picture.height) == size
        assert (picture.average_rate, picture.frames) == (30, 120)
        assert int(picture.codec_context.colorspace) == 1
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(sound)], axis=1)
    assert heard.shape[1] / 48000 == pytest.approx(4, abs=0.05)
    assert 0.02 < float(np.abs(heard).mean()) < 0.5
    assert float(np.abs(heard).max()) < 1


def test_samples_are_the_same_at_each_run(drawer, samples, tmp_path):
    again = drawer.write_clip(
        tmp_path / "again.mp4", drawer.walking(drawer.draw_park(832, 480)), drawer.footsteps()
    )
    assert again.read_bytes() == samples.motion.read_bytes()


def test_the_service_runs_as_a_process_of_its_own(tmp_path):
    command = [sys.executable, str(SCRIPTS / "practice_server.py"), "--folder", str(tmp_path)]
    process = subprocess.Popen(
        [*command, "--until-eof"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        origin = process.stdout.readline().strip()
        url = f"{origin}{API}/apikeys/current-balance"
        assert requests.get(url, headers=KEY, timeout=60).json()["code"] == 200
        process.stdin.close()
        assert process.wait(60) == 0
