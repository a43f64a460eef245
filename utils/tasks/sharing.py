"""Media that a node gives away as links, by the same way as a task's own."""

from __future__ import annotations

import itertools
import threading
import weakref

from ..errors import InputError, Stopped, WanAnimateError
from ..unexpected import as_ours
from .desk import Desk
from .identity import Identifier
from .parts import Hosted, Part, Purpose
from .prepare import Preparer
from .request import ShareWish
from .watch import Progress, again, shutting_down


class Share:
    """One medium on its way to an address, as a node sees it.

    Args:
        progress: What is known before it begins.
    """

    def __init__(self, progress: Progress) -> None:
        self.stop = threading.Event()
        self._first = progress
        self._part: Part | None = None
        self._ending = threading.Lock()
        self._done = threading.Event()
        self._hosted: Hosted | None = None
        self._error: WanAnimateError | None = None

    @property
    def progress(self) -> Progress:
        """How far it is."""
        part = self._part
        return part.progress if part is not None else self._first

    @property
    def done(self) -> bool:
        """Whether `hosted` has an answer."""
        return self._done.is_set()

    def hosted(self) -> Hosted:
        """Where it lies.

        Raises:
            WanAnimateError: Why it lies nowhere.
        """
        if self._error is not None:
            raise again(self._error) from self._error
        if self._hosted is None:
            raise Stopped("The upload was stopped before it finished. Run again to start it over.")
        return self._hosted

    def leave(self) -> None:
        """Want it no more: it stops, unless a task wants the same."""
        self.stop.set()

    def fail(self, error: WanAnimateError) -> None:
        """The process lets go, and every task of it too: stop, and say so."""
        self.stop.set()
        if self._part is not None:
            self._part.stop.set()
        self.end(error)

    def begin(self, part: Part) -> None:
        """Show the progress of this part from now on."""
        self._part = part

    def end(self, outcome: Hosted | WanAnimateError) -> None:
        """Give the outcome; the first one counts."""
        with self._ending:
            if self._done.is_set():
                return
            if isinstance(outcome, Hosted):
                self._hosted = outcome
            else:
                self._error = outcome
            self._done.set()


class Sharer:
    """Makes media of nodes that only want a link.

    Args:
        desk: The tools.
        preparer: Makes each part once, for tasks and for links.
    """

    def __init__(self, desk: Desk, preparer: Preparer) -> None:
        self._desk = desk
        self._preparer = preparer
        self._identifier = Identifier(desk.uploads)
        self._numbers = itertools.count(-1, -1)
        self._shares: weakref.WeakSet[Share] = weakref.WeakSet()

    def start(self, wish: ShareWish, share: Share) -> None:
        """Begin; the outcome comes to `share`."""
        self._shares.add(share)

        def stage() -> None:
            try:
                self._begin(wish, share)
            except Exception as error:  # noqa: BLE001 - the top of this medium's way
                share.end(as_ours(error))

        self._desk.pool.put("admit", stage)

    def stop(self) -> None:
        """Let go of every medium under way."""
        for share in list(self._shares):
            share.fail(shutting_down())

    def _begin(self, wish: ShareWish, share: Share) -> None:
        settings = self._desk.settings.load()
        if settings.practice and wish.host != "auto":
            raise InputError(
                "Practice mode is on, and practice media stays on this machine. "
                "Choose host “auto”, or switch practice mode off."
            )
        identity = self._identifier.identify(
            wish.medium, keep_sound=wish.keep_sound, stop=share.stop
        )
        purpose = Purpose(wish.host, settings.practice, keep_sound=wish.keep_sound, shared=True)
        number = next(self._numbers)
        part = self._preparer.share(
            wish.medium,
            number,
            digest=identity.digest,
            purpose=purpose,
            then=lambda part: share.end(part.result or part.error or _nothing()),
        )
        share.begin(part)
        self._watch(part, number, share)

    def _watch(self, part: Part, number: int, share: Share) -> None:
        """Stop the part once its node has gone."""
        if share.done:
            return
        if share.stop.is_set():
            self._preparer.stop_sharing(part, number)
            share.end(
                Stopped("The upload was stopped before it finished. Run again to start it over.")
            )
            return
        self._desk.agenda.after(0.1, lambda: self._watch(part, number, share))


def _nothing() -> WanAnimateError:
    return Stopped("The upload ended without a link. Run again.")
