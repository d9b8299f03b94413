"""What `benchmarks.providers` relies on to tell the truth. Its figures are no test's business."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.contenders.providers_shape import PIECE, PIECES, Record, now, sound_stamp, stamp
from benchmarks.providers import ms, of_bare

RATE = 16_000
SIZE = round(2 * PIECE * RATE)


def _sound() -> bytes:
    received = now()
    stamps = [sound_stamp(received) for _ in range(PIECES)]
    return b"".join(each + bytes(SIZE - len(each)) for each in stamps)


@given(st.integers(1, 3 * SIZE))
def test_each_piece_of_sound_is_counted_once_however_it_is_cut(size: int) -> None:
    record, sound = Record(RATE), _sound()

    for begin in range(0, len(sound) - size, size):
        record.sound(sound[begin : begin + size])
        assert not record.whole.is_set()
    record.sound(sound[len(sound) // size * size :] if len(sound) % size else sound[-size:])

    assert record.whole.is_set()
    assert len(record.figures["each"]) == PIECES


def test_sound_that_is_kept_back_counts_against_who_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record(RATE)
    monkeypatch.setattr("benchmarks.contenders.providers_shape.now", lambda: 10.0)
    early = sound_stamp(1.0)
    monkeypatch.setattr("benchmarks.contenders.providers_shape.now", lambda: 10.5)

    record.sound(early + bytes(SIZE - len(early)))

    assert record.figures["first"] == 0.5


def test_a_transcript_says_when_it_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record(0)
    monkeypatch.setattr("benchmarks.contenders.providers_shape.now", lambda: 3.0)
    word = stamp(2.0)
    monkeypatch.setattr("benchmarks.contenders.providers_shape.now", lambda: 3.25)

    record.final(f"word0 word1 {word}")

    assert record.figures["first"] == 0.25
    assert record.whole.is_set()


def test_ours_is_compared_with_its_neighbours() -> None:
    rows = {
        ("openai.chat", "voicegraph", "node"): {"cpu": [2.0, 40.0, 3.0]},
        ("openai.chat", "sdk", "raw"): {"cpu": [1.0, 20.0, 1.5]},
    }

    assert of_bare(rows, "openai.chat", "voicegraph", "node") == {"raw": 2.0}


def test_percentiles() -> None:
    assert ms([number / 1000 for number in range(1, 101)]) == {"p50": 50.0, "p95": 95.0, "samples": 100}
