"""Numbered frames, and the file that they become."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from apixo_wan_animate.utils.media.clipfile import EncodedClip, EncodeOptions
from apixo_wan_animate.utils.media.encode import encode_clip
from apixo_wan_animate.utils.media.types import FramesClip
from clips_made import numbered_pictures

T, H, W = 11, 208, 304
RATE = Fraction(25)


def frames(count: int = T, height: int = H, width: int = W) -> torch.Tensor:
    pictures = np.stack(numbered_pictures(count, height, width))
    return torch.from_numpy(pictures).float() / 255


def noise(count: int, height: int = H, width: int = W) -> torch.Tensor:
    random = torch.Generator().manual_seed(2)
    return torch.rand(count, height, width, 3, generator=random)


def encoded(target: Path, source: torch.Tensor, rate=RATE, sound=None, **options) -> EncodedClip:
    clip = FramesClip(source, Fraction(rate), sound)
    return encode_clip(clip, target, options=EncodeOptions(**options))
