"""Opening a file as a clip, whatever it really is."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from ..errors import DecodeError
from .claims import check_claims
from .wholeness import missing_bytes

# Formats that hold media themselves. Playlists, scripts and devices are left out: a file of that
# kind could make the decoder open other files or addresses.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,live_flv,asf,ogg,mxf,nut,ivf,"
    "gif,apng,webp,webp_pipe,gif_pipe,png_pipe,jpeg_pipe,h264,hevc,av1,obu,m4v,mpegvideo,mjpeg,"
    "dv,rm,wtv,yuv4mpegpipe,mp3,wav,aac,flac,w64,aiff,caf"
)
MOST_PIXELS = 1 << 26
"""The largest picture that is decoded: 8192×8192, twice that of an 8K clip.

A few bytes can claim more, and each thread of the decoder would fill its own.
"""

# Opus asks for 80 ms, AAC for one packet.
_WARM_UP_S = Fraction(1, 4)
_BEFORE_ALL = -(10**9)
_INDEXED = frozenset({"mov", "mp4", "matroska", "webm"})


@contextmanager
def open_clip(
    source: Path | BytesIO, *, options: Mapping[str, str] | None = None
) -> Generator[InputContainer, None, None]:
    """Open a file, or a file's content, for reading; the content's own position stays.

    Args:
        source: A path, or the file's content.
        options: FFmpeg's, for the opening; only for a format whose header names its streams.

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
    check_claims(source)
    # A content's value is shared, not copied, and two readers do not move each other.
    target = BytesIO(source.getvalue()) if isinstance(source, BytesIO) else str(source.resolve())
    try:
        # Options for streams crash PyAV 14 where a format finds its streams only by reading on.
        container = av.open(
            target,
            "r",
            container_options={"format_whitelist": _FORMATS},
            options=dict(options or {}),
        )
    except (FFmpegError, ValueError, OSError) as error:
        message = (
            f"The file is not a clip that can be read ({reason(error)}). Check that it is a "
            "video, and that it was saved or downloaded completely."
        )
        raise DecodeError(message) from error
    with container:
        try:
            yield container
        finally:
            _let_rest(container)


def _let_rest(container: InputContainer) -> None:
    """Wait for the decoders' threads while other threads of Python may run.

    PyAV frees a decoder with Python's lock held. Where another pack listens to FFmpeg's log, the
    decoder's threads want that lock for every line, and the whole process would stand still.
    """
    for stream in (*container.streams.video, *container.streams.audio):
        context = cast("object", stream.codec_context)  # None where there is no decoder
        if context is not None:
            stream.codec_context.flush_buffers()


class OpenClip:
    """A file with its picture and sound, which can be read again from a key frame.

    Attributes:
        source: What was opened.
        container: The open file; another one after a rewind of some formats.
        picture: The moving picture.
        sound: The first sound that can be decoded, or None.
    """

    container: InputContainer
    picture: VideoStream
    sound: AudioStream | None

    def __init__(self, source: Path | BytesIO) -> None:
        self.source = source
        self._in_step = False
        self._stack = ExitStack()

    def __enter__(self) -> OpenClip:
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def rewind(self, stamp: int) -> None:
        """Stand at a key frame before a stamp of the picture, or at the start.

        Early enough for sound: its decoder needs what comes before the first sample wanted.
        """
        if is_indexed(self.container):
            early = stamp - int(_WARM_UP_S / (self.picture.time_base or 1))
            try:
                if early <= (self.picture.start_time or 0) and self._sound_leads():
                    # AAC begins a packet before 0, which its decoder needs: a search by the
                    # picture steps over it, and the first samples come out silent.
                    self.container.seek(_BEFORE_ALL, stream=self.sound, backward=True)
                else:
                    self.container.seek(early, stream=self.picture, backward=True)
            except (FFmpegError, OSError):
                pass
            else:
                return
        self._stack.close()
        self._open()

    def reopen_in_step(self) -> None:
        """Open the file anew with a decoder on one thread, at its start.

        It is slower, but an error then belongs to the very packet that was given.
        """
        self._in_step = True
        self._stack.close()
        self._open()

    def _sound_leads(self) -> bool:
        """Whether sound starts with the picture or before it."""
        if self.sound is None:
            return False
        picture_s = (self.picture.start_time or 0) * (self.picture.time_base or 0)
        return (self.sound.start_time or 0) * (self.sound.time_base or 0) <= picture_s

    def _open(self) -> None:
        self.container = self._stack.enter_context(open_clip(self.source))
        try:
            self.picture = picture_stream(self.container)
            self.sound = sound_stream(self.container)
        except DecodeError as error:
            self._stack.close()
            lacking = missing_bytes(self.source)
            if lacking:
                message = (
                    f"The clip is cut off: {lacking} bytes are missing, and the rest cannot be "
                    "read. Save or download it again."
                )
                raise DecodeError(message) from error
            raise
        if self._in_step:
            self.picture.thread_type = "NONE"  # pyright: ignore[reportAttributeAccessIssue]
            self.picture.codec_context.thread_count = 1


def picture_stream(container: InputContainer) -> VideoStream:
    """The moving picture of a file, with the decoder free to use every core.

    Raises:
        DecodeError: There is none, or none that can be decoded.
    """
    streams = [stream for stream in container.streams.video if not _is_cover(stream)]
    usable = [stream for stream in streams if _decodable(stream)]
    if not usable:
        what = "only video that cannot be decoded" if streams else "no video"
        raise DecodeError(
            f"The file contains {what}. Use a video file, preferably an MP4 with H.264."
        )
    stream = usable[0]
    stream.thread_type = "AUTO"  # pyright: ignore[reportAttributeAccessIssue]
    # Otherwise the decoder paints over damage and calls it a picture.
    limit_pixels(stream, err_detect="explode")
    return stream


def limit_pixels(stream: VideoStream, **options: str) -> None:
    """Keep a stream from filling the memory with one picture.

    Args:
        stream: Not decoded yet.
        options: What else its decoder is told.

    Raises:
        DecodeError: The file says that its pictures are that large.
    """
    if stream.width * stream.height > MOST_PIXELS:
        raise DecodeError(
            f"The clip's frames are {stream.width}×{stream.height} px; at most {MOST_PIXELS:,} "
            "pixels can be decoded. Scale the clip down."
        )
    # What the file says of itself may differ from what the pictures say.
    stream.codec_context.options = {**options, "max_pixels": str(MOST_PIXELS)}


def sound_stream(container: InputContainer) -> AudioStream | None:
    """The first sound of a file that can be decoded, or None."""
    # Decoding a stream that FFmpeg has no decoder for (Apple's spatial audio) ends the process.
    return next((stream for stream in container.streams.audio if _decodable(stream)), None)


def is_indexed(container: InputContainer) -> bool:
    """Whether the file can be entered at any key frame exactly."""
    return bool(_INDEXED & set(container.format.name.split(",")))


def clock_origin(container: InputContainer) -> Fraction:
    """The time on a file's clock that a player shows as 0."""
    start = cast("int | None", container.start_time)
    if start is None or is_indexed(container):
        return Fraction(0)
    return Fraction(start, av.time_base)


def reason(error: BaseException) -> str:
    """What FFmpeg says went wrong, without the name of the file."""
    return str(getattr(error, "strerror", None) or type(error).__name__)


def _decodable(stream: VideoStream | AudioStream) -> bool:
    context = cast("object", stream.codec_context)  # the stubs do not know that it can be None
    if context is None:
        return False
    if isinstance(stream, VideoStream):
        return stream.width > 0 and stream.height > 0
    return True


def _is_cover(stream: VideoStream) -> bool:
    """Whether a stream is a still picture attached to music."""
    return "attached_pic" in str(getattr(stream, "disposition", ""))
