"""When the caller's turn is over: how much silence ends it, given what somebody who listens for its end says.

Each policy is told that verdict, if there is one for the present pause, and answers in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Interval

from voicegraph.durations import Duration
from voicegraph.frames import EndOfTurn
from voicegraph.settings import OrText, ToldApart

FINAL_WAIT = 1.0
"""Seconds that the final transcript is waited for when a guess at its words has come."""


@dataclass(frozen=True, kw_only=True)
class Silence:
    """by: who judges whether the caller is done. `silence`: nobody, the turn ends after `end_silence`.
    `model`: a node that gives EndOfTurn at each pause; a probability from `threshold` (0.5) on ends the turn after
    `end_silence`; less, or no verdict, after `at_most` (3s). `stt`: the STT, whose EndOfTurn ends the turn at once;
    without one it ends after `at_most` (3s).
    """

    __pydantic_config__ = {"extra": "forbid"}
    awaits: ClassVar[bool] = False
    at_once: ClassVar[bool] = False

    by: Literal["silence"] = "silence"

    def silence(self, end_silence: float, verdict: EndOfTurn | None) -> float:
        """Seconds of silence that end the turn. end_silence: those of the aggregator's setting."""
        return end_silence


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model judges each pause by how the caller sounds: sure ends the turn sooner than unsure.

    threshold: probability from which it is sure. at_most: silence that ends the turn when it is not, or says nothing.
    """

    __pydantic_config__ = {"extra": "forbid"}
    awaits: ClassVar[bool] = True
    at_once: ClassVar[bool] = False

    by: Literal["model"] = "model"
    threshold: Annotated[float, Interval(ge=0, le=1)] = 0.5
    at_most: Duration = 3.0

    def silence(self, end_silence: float, verdict: EndOfTurn | None) -> float:
        """See Silence."""
        sure = verdict is not None and verdict.probability >= self.threshold
        return end_silence if sure else max(end_silence, self.at_most)


@dataclass(frozen=True, kw_only=True)
class Stt:
    """The STT knows when the caller is done. at_most: silence that ends the turn when it says nothing."""

    __pydantic_config__ = {"extra": "forbid"}
    awaits: ClassVar[bool] = True
    at_once: ClassVar[bool] = True

    by: Literal["stt"] = "stt"
    at_most: Duration = 3.0

    def silence(self, end_silence: float, verdict: EndOfTurn | None) -> float:
        """See Silence."""
        return self.at_most if verdict is None else 0.0


def _by(name: str) -> dict[str, str]:
    return {"by": name}


EndOfTurnPolicy = Annotated[Annotated[Silence | Model | Stt, ToldApart("by")], OrText(_by)]
"""awaits: it needs a node that gives EndOfTurn. at_once: who gives it need not wait for a pause to be noticed.

In a graph file a mapping with `by`, or `by` alone: `end_of_turn: model`.
"""
