"""The node silero.vad: its hysteresis alone, with scripted probabilities, and on real telephone speech."""

from __future__ import annotations

import importlib.util
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from tests.models.fetched import fetched
from tests.recordings import FILES, HELP, RATE, WEASELS, chunked, silence, speech
from voicegraph.errors import ModelError, VoicegraphError
from voicegraph.frames import SpeechStarted, SpeechStopped
from voicegraph.node import node_type
from voicegraph.processors import silero
from voicegraph.processors.silero import LAG, STEP, SileroVAD, SpeechGate
from voicegraph.providers.silero import WINDOW, Detector, detector
from voicegraph.testing import run_node

Event = SpeechStarted | SpeechStopped


def judged(*probabilities: float, loud: bool = True) -> list[Event]:
    gate = SpeechGate(start=0.5, stop=0.35, min_speech=2, min_silence=3)
    events = (gate.judge(index * STEP, each, loud=loud) for index, each in enumerate(probabilities))
    return [event for event in events if event]


def steps(*events: Event) -> list[float]:
    """Positions of events, in windows."""
    return [round(event.at / STEP, 3) for event in events]


# --- hysteresis ------------------------------------------------------------------------------------------------------


def test_speech_starts_where_the_probability_began_to_rise() -> None:
    (start,) = judged(0.1, 0.1, 0.4, 0.9, 0.9)
    assert steps(start) == [2]
    assert start.noticed == pytest.approx(5 * STEP)


def test_speech_stops_behind_its_last_window_less_the_lag_of_the_network() -> None:
    start, stop = judged(0.9, 0.9, 0.9, 0.9, 0.4, 0.1, 0.1, 0.1)
    assert isinstance(stop, SpeechStopped)
    assert steps(start, stop) == [0, 5 - LAG / STEP]
    assert stop.noticed == pytest.approx(8 * STEP)


@pytest.mark.parametrize(
    "probabilities",
    [
        (0.9, 0.1, 0.9, 0.1, 0.9, 0.1),  # never two in a row
        (0.49, 0.49, 0.49, 0.49),  # never at `start`
        (0.4, 0.9, 0.4, 0.1, 0.9, 0.1),
    ],
)
def test_what_is_too_short_or_too_faint_is_no_speech(probabilities: tuple[float, ...]) -> None:
    assert judged(*probabilities) == []


@pytest.mark.parametrize("gap", [(0.1, 0.1), (0.1, 0.1, 0.4, 0.1, 0.1), (0.36,) * 9])
def test_a_short_gap_is_no_pause(gap: tuple[float, ...]) -> None:
    assert len(judged(0.9, 0.9, *gap, 0.9)) == 1


def test_every_start_takes_its_time() -> None:
    assert len(judged(0.9, 0.9, 0.1, 0.1, 0.1, 0.9, 0.1)) == 2


def test_quiet_sound_starts_nothing() -> None:
    assert judged(*[0.99] * 20, loud=False) == []


@given(st.lists(st.floats(0, 1)))
def test_starts_and_stops_alternate_and_go_forward(probabilities: list[float]) -> None:
    events = judged(*probabilities)
    assert all(
        isinstance(event, SpeechStarted if index % 2 == 0 else SpeechStopped) for index, event in enumerate(events)
    )
    assert all(before.at <= after.at for before, after in pairwise(events))
    for event in events:
        assert 0 <= event.at <= len(probabilities) * STEP
        assert event.at <= event.noticed


# --- scripted probabilities ------------------------------------------------------------------------------------------


class Script:
    """A detector that says what is written, then 0; and counts."""

    def __init__(self, *probabilities: float) -> None:
        self.probabilities = list(probabilities)
        self.windows: list[NDArray[np.float32]] = []
        self.resets = 0

    def probability(self, sound: NDArray[np.float32]) -> float:
        self.windows.append(sound)
        return self.probabilities.pop(0) if self.probabilities else 0.0

    def reset(self) -> None:
        self.resets += 1


def scripted(monkeypatch: pytest.MonkeyPatch, *probabilities: float) -> Script:
    script = Script(*probabilities)

    def made(*_: Any) -> Detector:
        return script

    monkeypatch.setattr(silero, "detector", made)
    return script


NOISE = (8_000 * np.sin(np.arange(3 * RATE))).astype("<i2").tobytes()


def heard(pcm: bytes, *sizes: int, at: float = 0.0, **config: Any) -> list[Event]:
    return cast(list[Event], run_node(SileroVAD, *chunked(pcm, *sizes or (RATE // 50,), at=at), with_=config))


@given(st.lists(st.integers(1, 2_000), min_size=1, max_size=8))
@settings(max_examples=25, deadline=None)
def test_windows_are_whole_however_the_sound_is_cut(sizes: list[int]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        script = scripted(monkeypatch)
        fetched("silero-vad")
        heard(NOISE, *sizes)
    joined = np.concatenate(script.windows)
    expected = np.frombuffer(NOISE, "<i2").astype(np.float32) / 32_768
    assert np.array_equal(joined, expected[: len(expected) // WINDOW * WINDOW])


def test_long_silence_makes_the_network_forget(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched("silero-vad")
    script = scripted(monkeypatch, *[0.2] * 32)
    heard(silence(4.5), reset="1s")
    assert script.resets == 3


def test_positions_are_those_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also behind a gap, where the beginning of a window is lost."""
    fetched("silero-vad")
    script = scripted(monkeypatch, 0.9, 0.9, 0.9, 0.0, 0.0, 0.0, 0.0, 0.9, 0.9)
    pcm = NOISE[: 2 * 7 * WINDOW]
    frames = [*chunked(pcm, 700, at=60.0), *chunked(b"\x01\x01", 1, at=70.0), *chunked(pcm[: 4 * WINDOW], 100, at=90.0)]
    events = cast(list[Event], run_node(SileroVAD, *frames))
    assert [round(event.at, 3) for event in events] == [60.0, 60.032, 90.0]
    assert np.array_equal(script.windows[-2], script.windows[0])


def test_quiet_speech_is_the_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched("silero-vad")
    for decibels, events in ((-40, 1), (-60, 0)):
        scripted(monkeypatch, *[0.9] * 20)
        quiet = np.full(20 * WINDOW, 32_768 * 10 ** (decibels / 20)).astype("<i2").tobytes()
        assert len(heard(quiet)) == events


# --- the real model --------------------------------------------------------------------------------------------------


REFERENCE = [0.0049, 0.8546, 0.9974, 0.5455, 0.9995, 0.9997, 0.9998, 0.9999, 1.0, 0.8512]


@pytest.fixture
def model() -> Path:
    return fetched("silero-vad")


def call(words: str) -> bytes:
    return silence(1.0) + speech(words) + silence(1.0)


def edges(pcm: bytes) -> tuple[float, float]:
    """Where speech begins and ends by its energy: 35 dB below its loudest."""
    frames = np.frombuffer(pcm, "<i2")[: len(pcm) // 320 * 160].astype(np.float64).reshape(-1, 160)
    energy = np.square(frames).mean(axis=1)
    voiced = np.flatnonzero(energy > energy.max() * 10**-3.5)
    return float(voiced[0]) / 100, float(voiced[-1] + 1) / 100


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("words", list(FILES))
def test_the_edges_of_speech_are_found(words: str) -> None:
    pcm = call(words)
    begin, end = edges(pcm)
    first, *_, last = heard(pcm)
    assert isinstance(first, SpeechStarted)
    assert isinstance(last, SpeechStopped)
    assert first.at == pytest.approx(begin, abs=0.08)
    assert last.at == pytest.approx(end, abs=0.12)
    assert 0.1 < last.noticed - last.at < 0.2


@pytest.mark.usefixtures("model")
def test_a_longer_min_silence_bridges_the_pauses() -> None:
    pcm = call(HELP) + call(WEASELS)
    assert len(heard(pcm, min_silence="200ms")) == 4
    assert len(heard(pcm, min_silence="3s")) == 1


@pytest.mark.usefixtures("model")
@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=5))
@settings(max_examples=10, deadline=None)
def test_chunks_of_any_size_give_the_same(sizes: list[int]) -> None:
    pcm = call(WEASELS)
    assert steps(*heard(pcm, *sizes)) == steps(*heard(pcm))


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("level", [0, 30, 3_000])
def test_noise_is_no_speech(level: int) -> None:
    noise = np.random.default_rng(0).normal(0, level, 3 * RATE).clip(-32_768, 32_767).astype("<i2").tobytes()
    assert heard(noise) == []


def windows(pcm: bytes) -> NDArray[np.float32]:
    sound = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32_768)
    return sound[: len(sound) // WINDOW * WINDOW].reshape(-1, WINDOW)


def probabilities(ear: Detector, pcm: bytes) -> list[float]:
    return [ear.probability(window) for window in windows(pcm)]


def test_agrees_with_the_reference(model: Path) -> None:
    """Every tenth probability, as the silero-vad package 6.2.3 gives it on torch."""
    assert probabilities(detector("onnx", model), speech(WEASELS))[::10] == pytest.approx(REFERENCE, abs=1e-3)


def test_calls_share_the_model_and_not_what_they_hear(model: Path) -> None:
    """Two at once, in threads, hear what each would alone."""
    alone = {words: probabilities(detector("onnx", model), speech(words)) for words in (HELP, WEASELS)}
    together: dict[str, list[float]] = {}

    def listen(words: str) -> None:
        together[words] = probabilities(detector("onnx", model), speech(words))

    threads = [threading.Thread(target=listen, args=(words,)) for words in alone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def test_a_reset_is_a_fresh_start(model: Path) -> None:
    ear = detector("onnx", model)
    first = probabilities(ear, speech(HELP))
    ear.reset()
    assert probabilities(ear, speech(HELP)) == first


@pytest.mark.skipif(importlib.util.find_spec("silero_vad") is None, reason="needs the extra `silero`")
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # the package's own way to load it
def test_torch_and_onnx_agree(model: Path) -> None:
    pcm = call(HELP) + call(WEASELS)
    ours = probabilities(detector("onnx", model), pcm)
    theirs = probabilities(detector("torch", None), pcm)
    assert theirs == pytest.approx(ours, abs=1e-3)
    assert steps(*heard(pcm, backend="torch")) == steps(*heard(pcm))


# --- mistakes --------------------------------------------------------------------------------------------------------


def test_a_stop_above_the_start_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"stop \(0.6\) is above start \(0.5\)"):
        node_type(SileroVAD).configure({"stop": 0.6})


@pytest.mark.parametrize("config", [{"start": 1.5}, {"min_silence": 100}, {"min_volume": 3}, {"backend": "tensorflow"}])
def test_a_mistake_in_the_configuration_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        node_type(SileroVAD).configure(config)


@pytest.mark.skipif(importlib.util.find_spec("silero_vad") is not None, reason="it is installed")
def test_torch_that_is_missing_is_told_before_the_call() -> None:
    vad = SileroVAD(backend="torch")
    assert vad.models() == []
    with pytest.raises(VoicegraphError, match=r"pip install 'voicegraph\[silero\]'"):
        vad.warm()


def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelError, match="not a model that onnxruntime can load"):
        detector("onnx", path)
