"""The pictures and the sound of a clip that is a file, or of the window of one."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from fractions import Fraction
from threading import Event

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..errors import DecodeError
from . import envelope
from .colour import Colour, Matrix, colour_of
from .container import OpenClip, clock_origin, is_indexed
from .filesound import file_sound
from .geometry import Geometry, geometry_of
from .pcm import Pcm, pcm_of
from .plan import Plan, make_plan
from .planes import to_rgb
from .reader import Reader
from .scaling import fitted
from .scan import Scan, scan
from .selection import ALL
from .types import FileClip, Size
from .wholeness import missing_bytes
from .yuv import YuvFrames

_SENT = Colour(Matrix.BT709, False)
_HDR_TRANSFERS = frozenset({16, 18})  # ITU-T H.273: PQ, HLG


class FileFootage:
    """A file, decoded as it is read; what it holds is known from its packets before.

    Raises:
        DecodeError: The file is absent, not a clip, damaged at its start, or its window is empty.
    """

    def __init__(self, clip: FileClip, *, stop: Event | None = None) -> None:
        self._clip = clip
        self._stop = stop
        with OpenClip(clip.source) as file:
            self._found = scanned(file.container, file.picture, stop)
            self._plan = _plan(clip, file, self._found)
            file.rewind(self._found.first_dts)
            frame = _first_frame(file, stop)
            self._geometry = geometry_of(file.picture, frame)
            self._is_hdr = int(file.picture.codec_context.color_trc) in _HDR_TRANSFERS
        if self._plan.reaches_end and (self._found.damaged or missing_bytes(clip.source)):
            raise _damaged("it is cut off", self._plan, len(self._plan.slots))

    @property
    def size(self) -> Size:
        """Extent of each picture, as displayed."""
        return self._geometry.size

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second, constant."""
        return envelope.frame_rate(self._plan.frame_rate)

    @property
    def frame_count(self) -> int:
        """How many pictures there are."""
        return len(self._plan.slots)

    def frames(self, size: Size) -> Generator[VideoFrame, None, None]:
        """Yield each picture in the form of H.264; the same one again where the rate asks for it.

        Raises:
            DecodeError: The file is damaged.
        """
        picture = _Picture(self._geometry, size)
        written = 0
        last: VideoFrame | None = None
        with OpenClip(self._clip.source) as file:
            file.rewind(self._entry())
            reader = Reader(file, hear=False, stop=self._stop)
            for number, frame in enumerate(reader):
                stamp = frame.pts if self._found.stamped else number
                place = None if stamp is None else self._plan.places.get(stamp)
                if place is None or not isinstance(frame, VideoFrame):
                    continue
                first, count = place
                made = picture.made(frame)
                # a picture that never came is held by the one before it, or the first that came
                for _ in range(written, first):
                    yield last or made
                for _ in range(count):
                    yield made
                last, written = made, first + count
                if written >= self.frame_count:
                    return
        if last is None or reader.damage:
            raise _damaged(reader.damage or "no frame can be decoded", self._plan, written)
        for _ in range(written, self.frame_count):
            yield last

    def sound(self) -> Pcm | None:
        """The sound that takes the place of the file's own, or that."""
        if self._clip.sound is not None:
            return pcm_of(self._clip.sound)
        return file_sound(self._clip.source, self._plan.start_s, entry=self._entry())

    def warnings(self) -> tuple[str, ...]:
        """What was changed on the way."""
        found: list[str] = []
        if self._plan.timeline.variable:
            found.append(
                f"The clip's frame rate varies; it was converted to {float(self.frame_rate):g} "
                "frames per second."
            )
        if self._is_hdr:
            found.append(
                "The clip is HDR and was converted to 8 bits without tone mapping; if it looks "
                "pale, export it as SDR."
            )
        return tuple(found)

    def _entry(self) -> int:
        """The key frame from which the first picture wanted can be decoded."""
        first = min(self._plan.places)
        if not self._found.stamped or first == self._plan.timeline.stamps[0]:
            return self._found.first_dts
        return first


class _Picture:
    """Decoded frames to frames of H.264, in one size."""

    def __init__(self, geometry: Geometry, size: Size) -> None:
        self._geometry = geometry
        self._size = size
        self._yuv = YuvFrames(size)

    def made(self, frame: VideoFrame) -> VideoFrame:
        """One frame, turned and scaled; as it is where it is in that form already."""
        own = Size(frame.width, frame.height)
        plain = frame.format.name == "yuv420p" and colour_of(frame) == _SENT
        if plain and own == self._size == self._geometry.size and self._geometry.upright:
            return self._yuv.of_planes(frame)
        rgb = self._geometry.apply(to_rgb(frame))
        return self._yuv.of_levels(fitted(rgb, self._size))


def scanned(container: InputContainer, stream: VideoStream, stop: Event | None) -> Scan:
    """What the packets say; their stamps only where these are times of being shown.

    An AVI stamps pictures that are stored out of order as if they were in order.
    """
    found = scan(container, stream, stop=stop)
    if is_indexed(container) or not stream.codec_context.has_b_frames:
        return found
    if found.stamps == sorted(found.stamps):
        return replace(found, stamped=False)
    return found


def _plan(clip: FileClip, file: OpenClip, found: Scan) -> Plan:
    if not found.count:
        raise DecodeError("The file contains no frames. Save or download it again.")
    return make_plan(
        found.timeline(file.picture),
        ALL,
        origin_s=clock_origin(file.container),
        start_s=clip.start_s,
        duration_s=clip.duration_s,
    )


def _first_frame(file: OpenClip, stop: Event | None) -> VideoFrame:
    reader = Reader(file, hear=False, stop=stop)
    for frame in reader:
        if isinstance(frame, VideoFrame):
            return frame
    what = f" ({reader.damage})" if reader.damage else ""
    raise DecodeError(f"No frame of the clip can be decoded{what}. Export it again as H.264.")


def _damaged(what: str, plan: Plan, written: int) -> DecodeError:
    second = float(plan.start_s - plan.timeline.start_s + written / plan.frame_rate)
    return DecodeError(
        f"The clip is damaged at {second:.2f} s ({what}), after {written} of "
        f"{len(plan.slots)} frames. Save or download it again, or trim it to end before that."
    )
