"""Who sees a call from outside, and how they are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from loguru import logger

from voicegraph.errors import raised_at
from voicegraph.frames import Frame


class Observer(Protocol):
    """Sees a call from outside. Its methods are called in the loop step of what they tell, so they must be quick."""

    def given(self, node: str, frame: Frame) -> None:
        """A node gave a frame (of an interrupted reply none is told)."""
        ...

    def played(self, turn: int, seconds: float) -> None:
        """So many seconds in all of a turn's audio have been heard."""
        ...


def guarded(tell: Callable[..., None]) -> Callable[..., None]:
    """An observer's fault is no node's: it is logged, and the call goes on."""

    def told(*what: Any) -> None:
        try:
            tell(*what)
        except Exception as error:  # noqa: BLE001 - see above
            logger.error("observer: {} at {}", type(error).__name__, raised_at(error))

    return told
