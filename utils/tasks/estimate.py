"""What a request would cost and whether it would go through, without spending anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from threading import Event

from ..billing import LEAST_BILLED_S, MOST_BILLED_S, billable_seconds
from ..errors import Stopped, WanAnimateError
from ..hosting.prove import prove_readable
from ..ledger.spending import Spending, local_day
from ..ledger.states import State
from ..media.envelope import clip_size
from ..media.picture import check_picture
from ..media.probe import probe
from ..media.types import FileClip, FramesClip, Size
from ..settings import Settings
from .desk import Desk
from .fingerprint import fingerprint
from .identity import Identifier
from .making import PIXELS, length_of
from .request import Request, UrlCharacter, UrlMotion
from .unverified import is_unverified


@dataclass(frozen=True)
class Estimate:
    """What is known before anything is spent.

    Attributes:
        billable_s: Seconds that would be billed; 0 where nothing would be, None where the
            clip's length is not known.
        dollars: At the user's price; None where no price is set.
        ready: Whether a run would be submitted, as far as can be seen from here.
        lines: Every check in a sentence, the failed ones beginning with ✗.
    """

    billable_s: int | None
    dollars: Decimal | None
    ready: bool
    lines: tuple[str, ...]


class Estimator:
    """Looks at requests; uploads nothing, submits nothing, writes nothing.

    Args:
        desk: The tools.
        spending: Sums over the ledger.
    """

    def __init__(self, desk: Desk, spending: Spending) -> None:
        self._desk = desk
        self._spending = spending
        self._identifier = Identifier(desk.uploads)

    def estimate(self, request: Request, *, stop: Event) -> Estimate:
        """Check a request as a run would, up to the first upload.

        Raises:
            InputError: The request itself is wrong.
            Stopped: `stop` was set.
        """
        request.check()
        settings = self._desk.settings.load()
        report = _Report()
        report.check(lambda: self._service(settings))
        report.check(lambda: self._character(request, settings, stop=stop))
        clip_s = report.check(lambda: self._motion(request, settings, report, stop=stop))
        if not all(isinstance(m, (UrlCharacter, UrlMotion)) for m in _media(request)):
            report.check(lambda: self._host(request, settings))
        if self._is_known(request, settings, report, stop=stop):
            return Estimate(0, _dollars(0, request, settings), report.ready, tuple(report.lines))
        seconds = None if clip_s is None else billable_seconds(clip_s)
        self._money(seconds, settings=settings, report=report)
        dollars = None if seconds is None else _dollars(seconds, request, settings)
        return Estimate(seconds, dollars, report.ready, tuple(report.lines))

    def _service(self, settings: Settings) -> str:
        self._desk.remotes.check_ready(settings)
        if settings.practice:
            return "practice mode is on: no key is needed, and nothing is billed"
        return "a key is set"

    def _character(self, request: Request, settings: Settings, *, stop: Event) -> str:
        character = request.character
        if isinstance(character, UrlCharacter):
            return self._proved(character.url, settings, kind="picture", stop=stop)
        size = check_picture(character.image, mask=character.mask)
        own = Size(int(character.image.shape[1]), int(character.image.shape[0]))
        scaled = "" if size == own else f", sent as {size}"
        return f"character: {own}{scaled}"

    def _motion(
        self, request: Request, settings: Settings, report: _Report, *, stop: Event
    ) -> float | None:
        motion = request.motion
        if isinstance(motion, UrlMotion):
            report.add(self._proved(motion.url, settings, kind="clip", stop=stop))
            ours = self._desk.uploads.behind(motion.url)
            rule = self._desk.remotes.rule(practice=settings.practice)
            known = ours[1] if ours else motion.duration_s
            clip_s = known or length_of(self._desk.transport, motion.url, rule, stop=stop)
            if clip_s is None:
                report.note(
                    "the clip's length cannot be read from its header: "
                    f"up to {MOST_BILLED_S} s may be billed"
                )
            return clip_s
        size, clip_s, what = _measured(motion)
        sent = clip_size(size, max_pixels=PIXELS[request.options.resolution])
        scaled = "" if sent == size else f", sent as {sent}"
        report.add(f"motion: {what}, {size}{scaled}, {clip_s:.2f} s")
        return clip_s

    def _proved(self, url: str, settings: Settings, *, kind: str, stop: Event) -> str:
        warnings = prove_readable(
            url,
            transport=self._desk.transport,
            rule=self._desk.remotes.rule(practice=settings.practice),
            expected=None,
            kind="picture" if kind == "picture" else "clip",
            stop=stop,
        )
        return " ".join((f"the {kind} can be read at its address", *warnings))

    def _host(self, request: Request, settings: Settings) -> str:
        hosts = self._desk.hosts(settings, request.host)
        return f"media goes to: {', then '.join(host.name for host in hosts)}"

    def _is_known(
        self, request: Request, settings: Settings, report: _Report, *, stop: Event
    ) -> bool:
        """Whether the ledger would answer, or hold the run up, in the place of a submit."""
        keep = request.keep_sound
        character = self._identifier.identify(request.character, keep_sound=keep, stop=stop)
        motion = self._identifier.identify(request.motion, keep_sound=keep, stop=stop)
        mark = fingerprint(
            self._desk.remotes.current(settings).origin,
            request.options,
            character=character.stands,
            motion=motion.stands,
        )
        row = self._desk.ledger.live(mark)
        if row is None:
            return False
        if row.state is State.UNKNOWN:
            report.fail(
                f"row {row.id} is the same request, and its fate is unknown; settle it first"
            )
        elif row.state is State.COLLECTED and is_unverified(row):
            report.fail(row.fail_message)
        elif row.state is State.COLLECTED:
            report.add(f"already finished as task {row.task_id}: nothing would be submitted")
        else:
            report.add(f"already under way as row {row.id}: nothing more would be submitted")
        return True

    def _money(self, seconds: int | None, *, settings: Settings, report: _Report) -> None:
        wanted_s = MOST_BILLED_S if seconds is None else seconds
        if seconds is not None:
            bounds = f"never under {LEAST_BILLED_S} s or over {MOST_BILLED_S} s"
            report.add(f"billed as {seconds} s of the input clip ({bounds})")
        if settings.daily_seconds is None or settings.practice:
            return
        start, end = local_day(self._desk.clock.now())
        left_s = settings.daily_seconds - self._spending.seconds(start=start, end=end)
        words = f"{max(0, left_s)} s of your daily limit are left"
        if wanted_s > left_s:
            report.fail(f"{words}; this task may be billed as {wanted_s} s")
        else:
            report.add(words)


class _Report:
    """Lines as they come; a failed check is a line, not the end."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ready = True

    def add(self, line: str) -> None:
        self.lines.append(f"✓ {line}")

    def note(self, line: str) -> None:
        self.lines.append(f"– {line}")

    def fail(self, line: str) -> None:
        self.ready = False
        self.lines.append(f"✗ {line}")

    def check(self, work: Callable[[], str | float | None]) -> float | None:
        """Run a check that gives a line, or a length and its own lines."""
        try:
            found = work()
        except WanAnimateError as error:
            if isinstance(error, Stopped):
                raise
            self.fail(str(error))
            return None
        if isinstance(found, str):
            self.add(found)
            return None
        return found


def _media(request: Request) -> tuple[object, object]:
    return request.character, request.motion


def _measured(motion: FramesClip | FileClip) -> tuple[Size, float, str]:
    """Size, seconds and a description of a clip of our own."""
    if isinstance(motion, FramesClip):
        count, height, width = motion.frames.shape[:3]
        rate = float(motion.frame_rate)
        what = f"{count} frames at {rate:g} fps"
        return Size(int(width), int(height)), float(count / motion.frame_rate), what
    info = probe(motion.source)
    left_s = max(0.0, info.duration_s - motion.start_s)
    clip_s = min(motion.duration_s, left_s) if motion.duration_s else left_s
    return info.size, clip_s, f"a file at {float(info.frame_rate):g} fps"


def _dollars(seconds: int, request: Request, settings: Settings) -> Decimal | None:
    if settings.practice:
        return Decimal(0)
    price = settings.prices[request.options.resolution]
    return None if price is None else price * seconds
