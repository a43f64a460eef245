"""What a node asks for: one character, one motion, and the options of the service."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..addresses import origin_of
from ..apixo.request import WanOptions
from ..errors import InputError
from ..media.types import Clip, FileClip, FramesClip


@dataclass(frozen=True)
class PictureCharacter:
    """A character that is a picture in memory.

    Attributes:
        image: Shape (H, W, C), float 0…1, C 1, 3 or 4, any device.
        mask: Shape (H, W), 1 where the picture is transparent, or None.
    """

    image: Tensor
    mask: Tensor | None = None


@dataclass(frozen=True)
class UrlCharacter:
    """A character that lies at an address."""

    url: str


@dataclass(frozen=True)
class UrlMotion:
    """A motion clip that lies at an address.

    Attributes:
        url: Where it lies.
        duration_s: Its length where somebody knows it, or None.
    """

    url: str
    duration_s: float | None = None


Character = PictureCharacter | UrlCharacter
Motion = FramesClip | FileClip | UrlMotion


@dataclass(frozen=True)
class Request:
    """One task as a node wants it.

    Attributes:
        character: Who shall be seen.
        motion: The clip that is followed, or in which a person is replaced.
        options: What the service is told beside the media.
        host: Where media of ours goes: "auto", or the name of a host.
        keep_sound: Send the clip's sound, and put it back where the result is silent.
    """

    character: Character
    motion: Motion
    options: WanOptions
    host: str = "auto"
    keep_sound: bool = True

    def check(self) -> None:
        """Refuse what can be seen to be wrong without reading the media.

        Raises:
            InputError: An option is out of range, a medium is empty or misshapen, or an address
                is no http or https link.
        """
        self.options.check()
        if isinstance(self.character, PictureCharacter):
            _check_picture(self.character)
        else:
            origin_of(self.character.url)
        if isinstance(self.motion, FramesClip):
            _check_frames(self.motion)
        elif isinstance(self.motion, FileClip):
            _check_window(self.motion)
        else:
            origin_of(self.motion.url)


@dataclass(frozen=True)
class ShareWish:
    """What shall lie at an address.

    Attributes:
        medium: A picture or a clip in memory or in a file.
        host: "auto", or the name of a host.
        keep_sound: Send a clip's sound with it.
    """

    medium: PictureCharacter | Clip
    host: str
    keep_sound: bool = True


def _check_picture(character: PictureCharacter) -> None:
    shape = tuple(character.image.shape)
    if len(shape) != 3 or 0 in shape or shape[2] not in {1, 3, 4}:
        raise InputError(
            f"The character has the shape {shape}; one picture of height × width × 1, 3 or 4 "
            "channels is needed. Wire one picture, as “Load Image” gives it."
        )


def _check_frames(motion: FramesClip) -> None:
    shape = tuple(motion.frames.shape)
    if len(shape) != 4 or 0 in shape or shape[3] not in {1, 3, 4}:
        raise InputError(
            f"The motion's frames have the shape {shape}; at least one frame of height × width × "
            "1, 3 or 4 channels is needed. Wire frames, as a video loader gives them."
        )
    if motion.frame_rate <= 0:
        raise InputError(
            f"The motion's frame rate is {motion.frame_rate}; it must be above 0. Enter the rate "
            "of the clip, such as 24 or 30."
        )


def _check_window(motion: FileClip) -> None:
    if motion.start_s < 0 or motion.duration_s < 0:
        raise InputError(
            f"The motion's trim starts at {motion.start_s} s and lasts {motion.duration_s} s; "
            "neither may be below 0. Correct the trim of the video."
        )
