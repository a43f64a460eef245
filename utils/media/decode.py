"""A file to frames and sound: one tensor, filled in place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from threading import Event

from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from torch import Tensor

from ..errors import DecodeError
from .container import OpenClip, clock_origin, is_indexed
from .geometry import geometry_of
from .memory import reserve
from .plan import Plan, make_plan
from .reader import Reader
from .scan import Scan, scan
from .selection import ALL, Selection
from .sound import SoundTrack
from .store import FrameStore, bytes_of
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
        note: What the user should know, in whole sentences; mostly empty.
    """

    frames: Tensor
    sound: Sound | None
    frame_rate: Fraction
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
        plan = _plan(wish, file, found)
        attempt = _attempt(wish, file, plan, found=found)
        if attempt.disordered or (attempt.lacks(plan) and attempt.arrived and not attempt.damage):
            found = attempt.corrected(found)
            plan = _plan(wish, file, found)
            attempt = _attempt(wish, file, plan, found=found)
        if attempt.damage:
            attempt.frames = None
            attempt = _again_in_step(wish, file, plan, found=found, first=attempt)
        if not attempt.damage and plan.reaches_end and _is_cut(found, clip.source):
            attempt.damage = "data is missing"
            if found.damaged or not is_indexed(file.container):
                # Nobody knows how long the last picture should have been.
                attempt.arrived = [stamp for stamp in attempt.arrived if stamp != found.stamps[-1]]
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
    """What one pass over the file gave.

    Attributes:
        frames: All places of the plan; those of frames that did not come are unwritten.
        sound: The sound of the same span.
        arrived: The stamps of all frames that came, or their numbers.
        disordered: Whether stamps did not rise. They are decoding times then (H.264 in AVI), and
            only the order in which frames come can be trusted.
        damage: What is wrong with the picture.
        sound_damage: What is wrong with the sound, and from which second on.
    """

    frames: Tensor | None = None
    sound: Sound | None = None
    arrived: list[int] = field(default_factory=list[int])
    disordered: bool = False
    damage: str = ""
    sound_damage: tuple[str, float] | None = None

    def lacks(self, plan: Plan) -> list[int]:
        """Stamps of the frames that were wanted and did not come, in order."""
        return sorted(plan.places.keys() - set(self.arrived))

    def corrected(self, found: Scan) -> Scan:
        """What is there by the decoder's word: packets without a picture have no time."""
        self.frames = None
        if self.disordered:
            return replace(found, stamped=False)
        return replace(found, stamps=self.arrived, count=len(self.arrived))


def _is_cut(found: Scan, source: Path | BytesIO) -> bool:
    return found.damaged or missing_bytes(source) > 0


def _plan(wish: _Wish, file: OpenClip, found: Scan) -> Plan:
    if not found.count:
        raise DecodeError("The file contains no frames. Save or download it again.")
    return make_plan(
        found.timeline(file.picture),
        wish.selection,
        origin_s=clock_origin(file.container),
        start_s=wish.clip.start_s,
        duration_s=wish.clip.duration_s,
    )


def _attempt(
    wish: _Wish, file: OpenClip, plan: Plan, *, found: Scan, in_step: bool = False
) -> _Attempt:
    """Decode what a plan wants, in one pass."""
    attempt = _Attempt()
    file.rewind(found.first_dts)
    own_sound = wish.clip.sound is None
    reader = Reader(file, hear=own_sound, stop=wish.stop, in_step=in_step and found.stamped)
    track = SoundTrack(plan.start_s, plan.length_s)
    with ExitStack() as stack:
        filling = _Filling(wish, file, plan=plan, stack=stack)
        for frame in reader:
            if isinstance(frame, AudioFrame):
                track.add(frame)
                reader.sound_done = track.complete
                continue
            stamp = frame.pts if found.stamped else len(attempt.arrived)
            if stamp is None or (attempt.arrived and stamp < attempt.arrived[-1]):
                attempt.disordered = True
                return attempt
            attempt.arrived.append(stamp)
            filling.put(frame, stamp)
            reader.picture_done = filling.complete
    attempt.frames = filling.frames()
    attempt.sound = track.sound() if own_sound else _laid_over(wish.clip.sound, plan)
    attempt.damage = reader.damage
    if in_step and found.stamped:
        attempt.arrived = [stamp for stamp in attempt.arrived if stamp not in reader.suspects]
    if reader.sound_damage:
        attempt.sound_damage = (reader.sound_damage, track.heard_s)
    return attempt


def _again_in_step(
    wish: _Wish, file: OpenClip, plan: Plan, *, found: Scan, first: _Attempt
) -> _Attempt:
    """Find the very picture that is damaged: a decoder on many threads tells it too late."""
    file.reopen_in_step()
    attempt = _attempt(wish, file, plan, found=found, in_step=True)
    if not attempt.damage:
        attempt.damage = first.damage
        attempt.arrived = [stamp for stamp in attempt.arrived if stamp in set(first.arrived)]
    return attempt


class _Filling:
    """The frames of a plan on their way into the store, which the first of them opens."""

    def __init__(self, wish: _Wish, file: OpenClip, *, plan: Plan, stack: ExitStack) -> None:
        self._wish = wish
        self._file = file
        self._plan = plan
        self._stack = stack
        self._store: FrameStore | None = None
        self._placed: set[int] = set()

    @property
    def complete(self) -> bool:
        """Whether every frame of the plan has come."""
        return len(self._placed) == len(self._plan.places)

    def put(self, frame: VideoFrame, stamp: int) -> None:
        """Hand a frame on if it is wanted."""
        place = self._plan.places.get(stamp)
        if place is None:
            return
        if self._store is None:
            self._store = self._stack.enter_context(self._opened(frame))
        self._store.put(frame, *place)
        self._placed.add(stamp)
        if self._wish.progress is not None:
            self._wish.progress(sum(place), len(self._plan.slots))

    def frames(self) -> Tensor | None:
        """All places; only after the stack was left."""
        return None if self._store is None else self._store.tensor(len(self._plan.slots))

    def _opened(self, frame: VideoFrame) -> FrameStore:
        """Reserve and allocate, now that a frame tells the size."""
        side = self._wish.selection.longest_side
        geometry = geometry_of(self._file.picture, frame, longest_side=side)
        count, size = len(self._plan.slots), geometry.size
        what = f"The {count} frames of {size}"
        reservation = self._stack.enter_context(reserve(bytes_of(count, geometry), what=what))
        return FrameStore(count, geometry=geometry, reservation=reservation)


def _laid_over(sound: Sound | None, plan: Plan) -> Sound | None:
    """The part of a sound that starts with the window which belongs to the frames wanted."""
    if sound is None:
        return None
    first = round(plan.lead_s * sound.sample_rate_hz)
    length = round(plan.length_s * sound.sample_rate_hz)
    waveform = sound.waveform[:, first : first + length]
    return Sound(waveform, sound.sample_rate_hz) if waveform.shape[1] else None


def _result(wish: _Wish, plan: Plan, attempt: _Attempt) -> Decoded:
    lacking = attempt.lacks(plan)
    count = len(plan.slots)
    note = ""
    if attempt.damage or attempt.sound_damage:
        if attempt.damage and lacking:
            count = plan.places[lacking[0]][0]
        note = _damage_note(plan, attempt, count)
        if not wish.salvage or not count:
            advice = "Save or download it again, or use only the frames before that."
            raise DecodeError(f"{note} {advice}")
    elif lacking:
        _hold(plan, attempt, lacking)
    if attempt.frames is None:
        raise DecodeError("No frame of the clip can be decoded. Export it again as H.264.")
    return Decoded(
        frames=attempt.frames[:count],
        sound=_shortened(attempt.sound, count / plan.frame_rate),
        frame_rate=plan.frame_rate,
        note=note,
    )


def _damage_note(plan: Plan, attempt: _Attempt, count: int) -> str:
    """Where the file is damaged, counted from its first picture, and what comes before."""
    lead_s = plan.start_s - plan.timeline.start_s
    what, good_s = attempt.damage, float(plan.length_s * count / len(plan.slots))
    if not what and attempt.sound_damage:
        what, good_s = attempt.sound_damage
    return (
        f"The clip is damaged at {float(lead_s) + good_s:.2f} s ({what}); "
        f"{count} of {len(plan.slots)} frames come before that."
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
