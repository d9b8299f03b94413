"""A voice's graph, cut into three: the pieces must give what the whole gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.fetched import fetched
from voicegraph.models import vits


@pytest.fixture(scope="module")
def voice() -> Path:
    return fetched("piper-en_US-joe-medium")


def test_the_parts_hold_the_weights_once(voice: Path) -> None:
    whole = voice.read_bytes()
    parts = vits.split(whole)
    assert parts is not None
    sizes = [len(parts.text), len(parts.flow), len(parts.decoder)]
    assert min(sizes) > 1_000_000
    assert sum(sizes) < 1.02 * len(whole)


def test_another_graph_is_left_alone() -> None:
    assert vits.split(fetched("silero-vad").read_bytes()) is None
    assert vits.split(b"") is None
