"""A picture and a clip in, a marked clip out: decoded, composed and encoded frame by frame."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

import av
from av.error import FFmpegError

from ..errors import DecodeError, EncodeError
from .compose import Composer
from .cutout import read_cutout
from .footage import TINY_AREA_PX, decoded, open_clip, packets, set_threads
from .marks import COMMENT, WORD
from .planes import Canvas
from .survey import Survey, look_over

_SOUND_RATE_HZ = 48_000
_OPTIONS = {"preset": "superfast", "crf": "21"}
_TINY_OPTIONS = {"preset": "ultrafast", "crf": "24"}


class RenderError(Exception):
    """The media cannot be used.

    Attributes:
        code: A fail code of the service.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def render(
    media: tuple[Path, Path],
    target: Path,
    *,
    alone: bool,
    resolution: str,
    sound: bool,
    stop: Event,
) -> None:
    """Make the answer to a task.

    Args:
        media: The character's picture and the motion's clip.
        target: Where the MP4 is written.
        alone: The character on a plain scene, otherwise in the footage.
        resolution: "480p" or "720p".
        sound: Whether the clip's sound goes along.
        stop: Ends the work.

    Raises:
        RenderError: The picture or the clip is not what it should be.
        EncodeError: The result cannot be written.
        Stopped: `stop` was set.
    """
    picture, clip = media
    try:
        survey = look_over(clip, resolution, stop)
        longest_px = round(1.2 * max(survey.size.width, survey.size.height))
        cutout = read_cutout(picture, longest_px=longest_px)
    except DecodeError as error:
        raise RenderError("UNSUPPORTED_FORMAT", str(error)) from error
    composer = Composer(survey, cutout, alone=alone)
    try:
        with (
            open_clip(clip) as source,
            av.open(str(target), "w", format="mp4", options={"movflags": "faststart"}) as result,
        ):
            _write(source, result, composer, survey=survey, sound=sound, stop=stop)
    except FFmpegError as error:
        raise EncodeError(f"The practice result cannot be written: {error}.") from error


def _write(
    source: Any, result: Any, composer: Composer, *, survey: Survey, sound: bool, stop: Event
) -> None:
    result.metadata["comment"] = COMMENT
    result.metadata["title"] = WORD
    picture_in = source.streams.video[0]
    set_threads(picture_in, survey.size.width * survey.size.height)
    picture = _picture_stream(result, survey)
    sound_in = source.streams.audio[0] if sound and source.streams.audio else None
    track = _SoundTrack(result, sound_in) if sound_in else None
    canvas = Canvas(survey.size)
    inputs = [picture_in] if track is None else [picture_in, sound_in]
    index = 0
    for packet in packets(source, inputs, stop):
        if packet.stream is not picture_in:
            if track is not None:
                track.take(packet)
            continue
        for frame in decoded(packet):
            canvas.load(frame)
            composer.compose(canvas, index)
            made = canvas.frame()
            made.pts, made.time_base = index, 1 / survey.frame_rate
            result.mux(picture.encode(made))
            index += 1
    result.mux(picture.encode(None))
    if track is not None:
        track.finish()


def _picture_stream(result: Any, survey: Survey) -> Any:
    area_px = survey.size.width * survey.size.height
    options = _TINY_OPTIONS if area_px < TINY_AREA_PX else _OPTIONS
    stream = result.add_stream("libx264", rate=survey.frame_rate, options=dict(options))
    stream.width, stream.height = survey.size.width, survey.size.height
    stream.pix_fmt = "yuv420p"
    stream.time_base = 1 / survey.frame_rate
    context = stream.codec_context
    context.time_base = 1 / survey.frame_rate
    matrix, primaries, transfer, span = survey.colour_tags
    context.colorspace, context.color_primaries = matrix, primaries
    context.color_trc, context.color_range = transfer, span
    set_threads(stream, area_px)
    return stream


class _SoundTrack:
    """The clip's sound: AAC as it is, anything else encoded anew."""

    def __init__(self, result: Any, source: Any) -> None:
        self._result = result
        self._copied = source.codec_context.name == "aac"
        if self._copied:
            self._stream = result.add_stream_from_template(source)
        else:
            layout = "mono" if source.codec_context.channels == 1 else "stereo"
            self._stream = result.add_stream("aac", rate=_SOUND_RATE_HZ, layout=layout)
            self._resampler = av.AudioResampler("fltp", layout, _SOUND_RATE_HZ)

    def take(self, packet: Any) -> None:
        """One packet of the clip's sound."""
        if self._copied:
            if packet.dts is not None:
                packet.stream = self._stream
                self._result.mux(packet)
            return
        for frame in decoded(packet):
            self._encode(self._resampler.resample(frame))

    def finish(self) -> None:
        """What the encoder still holds."""
        if not self._copied:
            self._encode(self._resampler.resample(None))
            self._result.mux(self._stream.encode(None))

    def _encode(self, frames: list[Any]) -> None:
        for frame in frames:
            self._result.mux(self._stream.encode(frame))
