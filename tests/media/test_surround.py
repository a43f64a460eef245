"""Sound of eight channels, of which PyAV counts nine planes: reading the ninth ends the process."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from apixo_wan_animate.utils.media.decode import decode
from apixo_wan_animate.utils.media.encode import encode_clip
from apixo_wan_animate.utils.media.types import FileClip
from av.audio.resampler import AudioResampler
from clips_made import numbered_pictures

T, H, W = 12, 48, 64
RATE_HZ = 48_000
LEVELS = (0.1, 0.2, 0.3, 0.02, 0.15, 0.25, 0.35, 0.4)
"""How loud each channel is; the fourth is for low tones only."""


@pytest.fixture
def clip(tmp_path):
    """A clip with 7.1 sound, each channel a tone of its own loudness."""
    path = tmp_path / "clip.mp4"
    times = np.arange(RATE_HZ * T // 30) / RATE_HZ
    tones = np.stack([level * np.sin(2 * np.pi * 60 * times) for level in LEVELS])
    packed = np.ascontiguousarray(tones.T, np.float32).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(packed, format="flt", layout="7.1")
    frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
    resampler = AudioResampler(format="fltp", layout="7.1", rate=RATE_HZ, frame_size=1024)
    with av.open(str(path), "w") as output:
        picture = output.add_stream("libx264", rate=30)
        picture.width, picture.height, picture.pix_fmt = W, H, "yuv420p"
        sound = output.add_stream("aac", rate=RATE_HZ, layout="7.1")
        for pixels in numbered_pictures(T, H, W):
            output.mux(picture.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        output.mux(picture.encode(None))
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(sound.encode(part))
        output.mux(sound.encode(None))
    return path


def test_every_channel_of_surround_sound_is_decoded(clip):
    waveform = decode(clip).sound.waveform.numpy()
    assert waveform.shape == (8, RATE_HZ * T // 30)
    loudest = np.abs(waveform[:, 4000:15_000]).max(1)
    assert sorted(loudest) == pytest.approx(sorted(LEVELS), abs=0.05)


def test_a_clip_with_surround_sound_is_sent_with_its_front_pair(clip, tmp_path):
    encoded = encode_clip(FileClip(clip, duration_s=0.2), tmp_path / "sent.mp4")
    assert decode(encoded.path).sound.waveform.shape[0] == 2
