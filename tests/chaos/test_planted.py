"""Mistakes in the engine: the oracles find each of them, or they are blind."""

from __future__ import annotations

import pytest

from tests.chaos.calls import call
from tests.chaos.oracles import judge
from tests.chaos.planted import MISTAKES, calls

CALLS = 25


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake: str) -> None:
    assert not any(judge(call(chaos)) for chaos in calls(mistake, 2))
    with MISTAKES[mistake]():
        assert any(judge(call(chaos)) for chaos in calls(mistake, CALLS))
