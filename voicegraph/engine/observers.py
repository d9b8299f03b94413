"""Who sees a call from outside, and how they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from loguru import logger

from voicegraph.errors import raised_at
from voicegraph.frames import Error, Frame, Recovery


class Observer(Protocol):
    """Sees a call from outside. Its methods are called in the loop step of what they tell, so they must be quick."""

    def given(self, node: str, frame: Frame) -> None:
        """A node gave a frame (of an interrupted reply none is told)."""
        ...

    def played(self, turn: int, seconds: float) -> None:
        """So many seconds in all of a turn's audio have been heard."""
        ...


class Observers:
    """Those of one call. taps: what each of them is told of a frame with."""

    def __init__(self, observers: Iterable[Observer]) -> None:
        self.taps: list[Callable[[str, Frame], None]] = []
        self._observers: list[Observer] = []
        for observer in observers:
            self.add(observer)

    def add(self, observer: Observer) -> None:
        """From now on it sees the call, which may be under way."""
        self._observers.append(observer)
        self.taps.append(guarded(observer.given))

    def remove(self, observer: Observer) -> None:
        """It has seen enough. Not to be called from within its own methods."""
        for place, each in enumerate(self._observers):
            if each is observer:
                del self._observers[place], self.taps[place]
                return

    def played(self, turn: int, seconds: float) -> None:
        for observer in self._observers:
            guarded(observer.played)(turn, seconds)

    def tell(self, frame: Error | Recovery) -> None:
        """Something happened to a node that is no frame of its own."""
        for tap in self.taps:
            tap(frame.node, frame)


def guarded(tell: Callable[..., None]) -> Callable[..., None]:
    """An observer's fault is no node's: it is logged, and the call goes on."""

    def told(*what: Any) -> None:
        try:
            tell(*what)
        except Exception as error:  # noqa: BLE001 - see above
            logger.error("observer: {} at {}", type(error).__name__, raised_at(error))

    return told
