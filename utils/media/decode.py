"""A file to frames and sound: one tensor, filled in place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from threading import Event

from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from torch import Tensor

from ..errors import DecodeError
from .container import OpenClip, clock_origin
from .geometry import geometry_of
from .memory import reserve
from .plan import Plan, make_plan
from .reader import Reader
from .scan import Scan, scan, timeline_of
from .selection import ALL, Selection
from .sound import SoundTrack
from .store import FrameStore, bytes_of
from .timeline import Timeline
from .types import FileClip, Sound
from .wholeness import missing_bytes

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Decoded:
    """A clip in memory.

    Attributes:
        frames: Shape (T, H, W, 3), float32, 0…1, on the CPU, contiguous.
        sound: Starts with the first frame and ends with the last at the latest; or None.
        frame_rate: Frames per second of `frames`.
        source_rate: Frames per second of the file, before every nth was taken.
        variable: Whether the file's own rate varied and was laid out to `source_rate`.
        note: What the user should know, in whole sentences; mostly empty.
    """

    frames: Tensor
    sound: Sound | None
    frame_rate: Fraction
    source_rate: Fraction
    variable: bool
    note: str


def decode(
    source: Path | BytesIO,
    selection: Selection = ALL,
    *,
    stop: Event | None = None,
    progress: Progress | None = None,
    salvage: bool = False,
) -> Decoded:
    """Decode a file.

    Args:
        source: A path, or the file's content.
        selection: Which frames are wanted, and how large; the rest is never stored.
        stop: Set from another thread, it ends the work.
        progress: Called with the frames done and the frames wanted.
        salvage: Take what comes before the first damage, instead of an error.

    Returns:
        Frames and the sound of the same span.

    Raises:
        InputError: The selection means nothing.
        DecodeError: The file is absent, not a clip, damaged, or the selection takes no frame.
        MemoryShortError: The frames would not fit in memory; none were allocated.
        Stopped: `stop` was set.
    """
    return decode_clip(FileClip(source), selection, stop=stop, progress=progress, salvage=salvage)


def decode_clip(
    clip: FileClip,
    selection: Selection = ALL,
    *,
    stop: Event | None = None,
    progress: Progress | None = None,
    salvage: bool = False,
) -> Decoded:
    """Decode the window of a file that a clip names; the selection counts within it.

    Raises:
        As `decode`.
    """
    selection.check()
    wish = _Wish(clip, selection, stop, progress, salvage)
    with OpenClip(clip.source) as file:
        found = scan(file.container, file.picture, stop=stop)
        plan = _plan(wish, file, found.timeline(file.picture))
        attempt = _attempt(wish, file, plan, found=found)
        if attempt.lacks(plan) and attempt.arrived and not attempt.damage:
            # The decoder's word is final: packets that make no picture have no place in time.
            stamps = None if found.untimed else attempt.arrived
            count = len(attempt.arrived)
            plan = _plan(wish, file, timeline_of(stamps, file.picture, count=count))
            attempt = _attempt(wish, file, plan, found=found)
    if not attempt.damage and plan.reaches_end and _is_cut(found, clip.source):
        attempt.damage = "it ends before its end"
    return _result(wish, plan, attempt)


@dataclass(frozen=True)
class _Wish:
    clip: FileClip
    selection: Selection
    stop: Event | None
    progress: Progress | None
    salvage: bool


@dataclass
class _Attempt:
    """What one pass over the file gave."""

    frames: Tensor | None = None
    sound: Sound | None = None
    arrived: list[int] = field(default_factory=list[int])
    damage: str = ""

    def lacks(self, plan: Plan) -> list[int]:
        """Stamps of the frames that were wanted and did not come, in order."""
        return sorted(plan.places.keys() - set(self.arrived))


def _plan(wish: _Wish, file: OpenClip, timeline: Timeline) -> Plan:
    if not len(timeline.stamps):
        raise DecodeError("The file holds not one picture. Save or download it again.")
    return make_plan(
        timeline,
        wish.selection,
        origin_s=clock_origin(file.container),
        start_s=wish.clip.start_s,
        duration_s=wish.clip.duration_s,
    )


def _is_cut(found: Scan, source: Path | BytesIO) -> bool:
    return found.damaged or missing_bytes(source) > 0


def _attempt(wish: _Wish, file: OpenClip, plan: Plan, *, found: Scan) -> _Attempt:
    """Decode what a plan wants, in one pass."""
    attempt = _Attempt()
    file.rewind(found.first_stamp or 0)
    sound = file.sound if wish.clip.sound is None else None
    reader = Reader(file.container, file.picture, sound, stop=wish.stop)
    track = SoundTrack(plan.start_s, plan.length_s)
    placed = 0
    with ExitStack() as stack:
        store: FrameStore | None = None
        for frame in reader:
            if isinstance(frame, AudioFrame):
                track.add(frame)
                reader.sound_done = track.complete
                continue
            stamp = len(attempt.arrived) if found.untimed or frame.pts is None else frame.pts
            attempt.arrived.append(stamp)
            place = plan.places.get(stamp)
            if place is None:
                continue
            if store is None:
                store = stack.enter_context(_store(wish, file, frame, plan=plan, stack=stack))
            store.put(frame, *place)
            placed += 1
            reader.picture_done = placed == len(plan.places)
            if wish.progress is not None:
                wish.progress(place[0] + place[1], len(plan.slots))
    if store is not None:
        attempt.frames = store.tensor(len(plan.slots))
    attempt.sound = track.sound() if wish.clip.sound is None else _laid_over(wish.clip.sound, plan)
    attempt.damage = reader.damage
    return attempt


def _store(
    wish: _Wish, file: OpenClip, frame: VideoFrame, *, plan: Plan, stack: ExitStack
) -> FrameStore:
    """Reserve and allocate, now that a frame tells the size."""
    geometry = geometry_of(file.picture, frame, longest_side=wish.selection.longest_side)
    count, size = len(plan.slots), geometry.size
    reservation = stack.enter_context(
        reserve(bytes_of(count, geometry), what=f"The {count} frames of {size.width}×{size.height}")
    )
    return FrameStore(count, geometry=geometry, reservation=reservation)


def _laid_over(sound: Sound, plan: Plan) -> Sound | None:
    """The part of a sound that starts with the window which belongs to the frames wanted."""
    first = round(plan.lead_s * sound.sample_rate_hz)
    length = round(plan.length_s * sound.sample_rate_hz)
    waveform = sound.waveform[:, first : first + length]
    return Sound(waveform, sound.sample_rate_hz) if waveform.shape[1] else None


def _result(wish: _Wish, plan: Plan, attempt: _Attempt) -> Decoded:
    lacking = attempt.lacks(plan)
    count, total = len(plan.slots), len(plan.slots)
    note = ""
    if attempt.damage:
        count = plan.places[lacking[0]][0] if lacking else total
        second = float(plan.start_s - plan.timeline.start_s + plan.length_s * count / total)
        where = f"The clip is damaged at {second:.2f} s ({attempt.damage})"
        if not wish.salvage or not count:
            message = (
                f"{where}, after {count} of {total} frames. Save or download it again, or take "
                "only what comes before the damage."
            )
            raise DecodeError(message)
        note = f"{where}: {count} of {total} frames were read."
    elif lacking:
        _hold(plan, attempt, lacking)
    if attempt.frames is None:
        raise DecodeError("Not one picture of the clip can be decoded. Export it again as H.264.")
    return Decoded(
        frames=attempt.frames[:count],
        sound=_shortened(attempt.sound, count / plan.frame_rate),
        frame_rate=plan.frame_rate,
        source_rate=plan.timeline.rate,
        variable=plan.timeline.variable,
        note=note,
    )


def _hold(plan: Plan, attempt: _Attempt, lacking: list[int]) -> None:
    """Fill the places of frames that never came with the frame before, or the first that came."""
    if attempt.frames is None:
        return
    places = [plan.places[stamp] for stamp in lacking]
    missing = [place for first, count in places for place in range(first, first + count)]
    absent = set(missing)
    first = next(place for place in range(len(plan.slots)) if place not in absent)
    for place in missing:
        attempt.frames[place] = attempt.frames[max(place - 1, first) if place > first else first]


def _shortened(sound: Sound | None, length_s: Fraction) -> Sound | None:
    if sound is None:
        return None
    samples = round(length_s * sound.sample_rate_hz)
    return Sound(sound.waveform[:, :samples], sound.sample_rate_hz) if samples else None
