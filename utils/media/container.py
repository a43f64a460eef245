"""Opening a file as a clip, whatever it really is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from ..errors import DecodeError

# Formats that hold media themselves. Playlists, scripts and devices are left out: a file of that
# kind could make the decoder open other files or addresses.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,live_flv,asf,ogg,mxf,nut,ivf,"
    "gif,apng,webp,webp_pipe,gif_pipe,png_pipe,jpeg_pipe,h264,hevc,av1,obu,m4v,mpegvideo,mjpeg,"
    "dv,rm,wtv,yuv4mpegpipe,mp3,wav,aac,flac,w64,aiff,caf"
)
_INDEXED = frozenset({"mov", "mp4", "matroska", "webm"})


@contextmanager
def open_clip(source: Path | BytesIO) -> Iterator[InputContainer]:
    """Open a file, or a file's content, for reading; the content's own position stays.

    Raises:
        DecodeError: It is absent, empty, or nothing that can be read as media.
    """
    if isinstance(source, BytesIO):
        size = source.getbuffer().nbytes
    else:
        try:
            size = source.stat().st_size
        except OSError as error:
            message = (
                f"The clip cannot be read: {error.strerror or error}. Check that the file is there."
            )
            raise DecodeError(message) from error
    if size == 0:
        raise DecodeError("The clip is an empty file. Save or download it again.")
    # A content's value is shared, not copied, and two readers do not move each other.
    target = BytesIO(source.getvalue()) if isinstance(source, BytesIO) else str(source.resolve())
    try:
        container = av.open(target, options={"format_whitelist": _FORMATS})
    except (av.FFmpegError, ValueError, OSError) as error:
        message = (
            f"The file is not a clip that can be read ({reason(error)}). "
            "Check that it is a video, and that it was saved or downloaded to its end."
        )
        raise DecodeError(message) from error
    with container:
        yield container


def picture_stream(container: InputContainer) -> VideoStream:
    """The moving picture of a file, with the decoder free to use every core.

    Raises:
        DecodeError: There is none, or none that can be decoded.
    """
    streams = [stream for stream in container.streams.video if not _is_cover(stream)]
    usable = [stream for stream in streams if _decodable(stream)]
    if not usable:
        what = "a picture in a form that cannot be decoded" if streams else "no picture"
        raise DecodeError(f"The file holds {what}. Use a video file, best an MP4 with H.264.")
    stream = usable[0]
    stream.thread_type = "AUTO"  # pyright: ignore[reportAttributeAccessIssue]
    return stream


def sound_stream(container: InputContainer) -> AudioStream | None:
    """The first sound of a file that can be decoded, or None."""
    # Decoding a stream that FFmpeg has no decoder for (Apple's spatial audio) ends the process.
    return next((stream for stream in container.streams.audio if _decodable(stream)), None)


def is_indexed(container: InputContainer) -> bool:
    """Whether the file can be entered at any key frame exactly."""
    return bool(_INDEXED & set(container.format.name.split(",")))


def reason(error: BaseException) -> str:
    """What FFmpeg says went wrong, without the name of the file."""
    return str(getattr(error, "strerror", None) or type(error).__name__)


def _decodable(stream: VideoStream | AudioStream) -> bool:
    context = stream.codec_context
    if context is None:  # pyright: ignore[reportUnnecessaryComparison] - the stubs do not know
        return False
    if isinstance(stream, VideoStream):
        return stream.width > 0 and stream.height > 0
    return True


def _is_cover(stream: VideoStream) -> bool:
    """Whether a stream is a still picture attached to music."""
    disposition = int(getattr(stream, "disposition", 0) or 0)
    return bool(disposition & 0x400)
