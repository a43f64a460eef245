"""A picture of the graph as the smallest lossless file that the service takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import EncodeError, InputError
from . import envelope
from .opencv import opencv
from .pixels import CLIPPED, Pixels8, check_channels, check_dtype, to_levels, to_rgb
from .png import encode_png
from .scaling import resized, size_of
from .types import Size

# 4:4:4 keeps thin coloured lines whole; below 80 artefacts cost more than pixels do.
JPEG_QUALITIES = (95, 92, 89, 86, 83, 80)
SHRINK = 0.8
# A slow search rarely makes a PNG smaller than the quick one by more than this.
THOROUGH_GAIN = 1.5


@dataclass(frozen=True)
class EncodedPicture:
    """A picture ready to be sent.

    Attributes:
        data: The whole file, without any metadata.
        extension: ".png" or ".jpg".
        size: Its size, which may be smaller than the picture's.
        warnings: One sentence for each thing that was changed.
    """

    data: bytes
    extension: str
    size: Size
    warnings: tuple[str, ...] = ()


def check_picture(image: Tensor, *, mask: Tensor | None = None) -> Size:
    """The size the picture would be sent in; looks at its shape only.

    Args:
        image: Shape (H, W, C), C 1, 3 or 4.
        mask: Shape (H, W), any size: it is stretched over the picture.

    Raises:
        InputError: Not a picture, or not one that the service takes.
    """
    if image.ndim != 3:
        raise InputError(
            f"The picture has the shape {tuple(image.shape)}; height × width × channels is "
            "needed. Connect one IMAGE."
        )
    check_channels("picture", image.shape[2])
    check_dtype("picture", image.dtype)
    if mask is not None and (mask.ndim != 2 or mask.numel() == 0):
        raise InputError(
            f"The mask has the shape {tuple(mask.shape)}; height × width is needed. Connect the "
            "MASK of the same picture."
        )
    return envelope.picture_size(Size(int(image.shape[1]), int(image.shape[0])))


def encode_picture(
    image: Tensor,
    *,
    mask: Tensor | None = None,
    limit_bytes: int = envelope.PICTURE_LIMIT_BYTES,
) -> EncodedPicture:
    """Encode one picture as the smallest lossless file the service takes.

    Args:
        image: Shape (H, W, C), C 1, 3 or 4; float in 0…1 or 8-bit levels, any device.
        mask: Shape (H, W), 1 where the picture is transparent, as LoadImage gives it; laid on
            white like an alpha channel. Another size than the picture's is stretched over it.
        limit_bytes: Largest file allowed.

    Returns:
        A PNG, or a JPEG where the PNG would be over the limit, smaller still where even that
        is not enough.

    Raises:
        InputError: Not a picture, or not one that the service takes.
        EncodeError: Nothing fits into `limit_bytes`.
    """
    size = check_picture(image, mask=mask)
    cover = (
        None if mask is None else _stretched(mask, Size(int(image.shape[1]), int(image.shape[0])))
    )
    rgb, clipped = to_levels(to_rgb(image, mask=cover))
    warnings: list[str] = []
    if clipped:
        warnings.append(f"The picture: {CLIPPED}")
    if size != size_of(rgb):
        warnings.append(_scaled_sentence(size_of(rgb), size))
    candidates = _candidates(resized(rgb, size), limit_bytes)
    file = next((f for f in candidates if len(f.data) <= limit_bytes), None)
    if file is None:
        raise EncodeError(
            f"The picture does not fit into {limit_bytes} bytes at any quality. Use a host that "
            "takes larger files."
        )
    if file.size != size:
        warnings.append(_scaled_sentence(size, file.size))
    return EncodedPicture(file.data, file.extension, file.size, tuple(warnings))


def _candidates(rgb: Pixels8, limit_bytes: int) -> Iterator[EncodedPicture]:
    """Files of falling size: lossless, then falling quality, then fewer pixels."""
    cv2 = opencv()
    whole, size = rgb, size_of(rgb)
    quick = encode_png(rgb)
    yield EncodedPicture(quick, ".png", size)
    if len(quick) <= THOROUGH_GAIN * limit_bytes:
        filtered = (cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_FILTERED)
        yield _encoded(rgb, ".png", (cv2.IMWRITE_PNG_COMPRESSION, 6, *filtered))
    while True:
        for quality in JPEG_QUALITIES:
            sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
            options = (cv2.IMWRITE_JPEG_QUALITY, quality)
            yield _encoded(rgb, ".jpg", (*options, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling))
        size = envelope.scaled(size, SHRINK)
        if min(size.width, size.height) < envelope.SIDE_LEAST_PX:
            return
        rgb = resized(whole, size)


def _encoded(rgb: Pixels8, extension: str, options: tuple[int, ...]) -> EncodedPicture:
    cv2 = opencv()
    done, data = cv2.imencode(extension, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise EncodeError(f"OpenCV could not write a {extension} file. Reinstall opencv-python.")
    return EncodedPicture(data.tobytes(), extension, size_of(rgb))


def _stretched(mask: Tensor, size: Size) -> Tensor:
    """LoadImage gives 64×64 zeros for a picture without alpha."""
    if tuple(mask.shape) == (size.height, size.width):
        return mask
    cv2 = opencv()
    values = mask.detach().float().cpu().contiguous().numpy()
    linear = cv2.resize(values, (size.width, size.height), interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy(linear)


def _scaled_sentence(before: Size, after: Size) -> str:
    return f"The picture was scaled from {before} to {after} px to fit the service's limits."
