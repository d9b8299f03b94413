"""How much silence ends a turn, by who judges and what they say."""

from __future__ import annotations

import pytest

from voicegraph import EndOfTurn
from voicegraph.turn_taking.end_of_turn import Model, Silence, Stt

SURE, UNSURE = EndOfTurn(1.0, 0.5), EndOfTurn(1.0, 0.49)


@pytest.mark.parametrize(
    ("policy", "verdict", "seconds"),
    [
        (Silence(), None, 0.4),
        (Silence(), SURE, 0.4),
        (Model(), SURE, 0.4),
        (Model(), UNSURE, 3.0),
        (Model(), None, 3.0),
        (Model(threshold=0.4, at_most=2.0), UNSURE, 0.4),
        (Model(at_most=2.0), None, 2.0),
        (Model(at_most=0.1), UNSURE, 0.4),  # who is unsure never ends a turn sooner than who is sure
        (Stt(), SURE, 0.0),
        (Stt(), UNSURE, 0.0),
        (Stt(at_most=2.0), None, 2.0),
    ],
)
def test_seconds_of_silence(policy: Silence | Model | Stt, verdict: EndOfTurn | None, seconds: float) -> None:
    assert policy.silence(0.4, verdict) == seconds
