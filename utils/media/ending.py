"""The ending that belongs to a file of what it really is, whatever it was called."""

from __future__ import annotations

_ENDINGS = {
    "apng": ".apng", "asf": ".wmv", "avi": ".avi", "dv": ".dv", "flv": ".flv", "gif": ".gif",
    "h264": ".h264", "hevc": ".hevc", "ivf": ".ivf", "live_flv": ".flv", "m4v": ".m4v",
    "mjpeg": ".mjpeg", "mpeg": ".mpg", "mpegts": ".ts", "mpegvideo": ".m2v", "mxf": ".mxf",
    "nut": ".nut", "obu": ".obu", "ogg": ".ogv", "rm": ".rm", "wtv": ".wtv",
    "yuv4mpegpipe": ".y4m",
}  # fmt: skip
"""By FFmpeg's name of the container."""

_WEBM = frozenset({"vp8", "vp9", "av1"})
_PICTURES = frozenset({"png", "mjpeg", "webp", "gif", "apng"})
_STILL_BRANDS = frozenset({"avif", "heic", "heix", "mif1"})


def ending_of(container: str, *, codec: str, brand: str) -> str:
    """The ending, as in ".mp4"; that also where nothing better is known.

    Args:
        container: FFmpeg's names of the format.
        codec: FFmpeg's name of how the picture is coded: by it WebM is told from Matroska.
        brand: The first brand of an MP4 or one of its kin, as "qt  "; "" where it has none.
    """
    names = container.split(",")
    if "matroska" in names:
        return ".webm" if codec in _WEBM else ".mkv"
    if "mov" in names:
        if brand.startswith("3g"):
            return ".3gp"
        return ".mov" if brand.strip() in {"", "qt"} else ".mp4"
    return _ENDINGS.get(names[0], ".mp4")


def is_still(container: str, *, codec: str, brand: str, frame_count: int | None) -> bool:
    """Whether a file is one picture, such as a cover, and no clip.

    Args:
        container: As above.
        codec: As above.
        brand: As above.
        frame_count: How many frames are shown, None where nobody has counted.
    """
    if container.endswith("_pipe") and container != "yuv4mpegpipe":
        return True
    return frame_count == 1 and (codec in _PICTURES or brand in _STILL_BRANDS)
