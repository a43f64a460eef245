"""The sound of a clip alone, for a result whose frames nobody wants or that would not fit."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from threading import Event

from av.audio.frame import AudioFrame

from .container import OpenClip
from .plan import make_plan
from .reader import Reader
from .scan import scan
from .selection import ALL
from .sound import SoundTrack
from .types import Sound


def decode_sound(source: Path | BytesIO, *, stop: Event | None = None) -> Sound | None:
    """Decode a clip's sound and leave its pictures alone.

    Args:
        source: A path, or the file's content.
        stop: Set from another thread, it ends the work.

    Returns:
        Sound that starts with the first frame and ends with the last at the latest; None where
        the clip is silent, or what can be read of it up to a damage.

    Raises:
        DecodeError: The file is absent or not a clip.
        Stopped: `stop` was set.
    """
    with OpenClip(source) as file:
        if file.sound is None:
            return None
        found = scan(file.container, file.picture, stop=stop)
        plan = make_plan(found.timeline(file.picture), ALL)
        file.rewind(found.first_dts)
        reader = Reader(file, hear=True, stop=stop)
        reader.picture_done = True
        track = SoundTrack(plan.start_s, plan.length_s)
        for frame in reader:
            if isinstance(frame, AudioFrame):
                track.add(frame)
                reader.sound_done = track.complete
        return track.sound()
