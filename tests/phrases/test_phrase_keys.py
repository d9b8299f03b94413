"""What a phrase is kept under: the same for the same sound, another for another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.phrases.voices import FileVoice, OtherVoice, named, voice
from voicegraph.graph.plan import PlannedNode, Recover
from voicegraph.node import node_type
from voicegraph.phrases import Keys
from voicegraph.phrases.key import canonical

PLAIN = st.none() | st.integers() | st.text() | st.binary()
DATA: st.SearchStrategy[Any] = st.recursive(
    PLAIN, lambda inner: st.lists(inner) | st.dictionaries(PLAIN, inner) | st.sets(PLAIN), max_leaves=20
)


def key(planned: PlannedNode, text: str = "Hello.") -> str:
    return Keys().of(planned, text)


def test_one_voice_in_two_graphs() -> None:
    """Its name in the graph, and what happens when it fails, are nothing that is heard."""
    other = PlannedNode("speaker", voice().kind, {}, Recover(timeout=1.0), cache=True)
    assert key(voice()) == key(other)


def test_a_default_that_is_written_out() -> None:
    assert key(voice()) == key(voice(person="anna", speed=1, rate=8_000, base_url=None, tags=[], extra={}))


@pytest.mark.parametrize(
    "config",
    [
        {"person": "Anna"},
        {"speed": 1.1},
        {"rate": 16_000},
        {"base_url": "http://localhost"},
        {"tags": ["a"]},
        {"extra": {"a": 1}},
        {"extra": {"a": "1"}},
    ],
    ids=str,
)
def test_another_configuration(config: dict[str, Any]) -> None:
    assert key(voice(**config)) != key(voice())


def test_another_type_with_the_same_configuration() -> None:
    assert key(voice()) != key(PlannedNode("tts", node_type(OtherVoice)))


def test_another_rate_of_a_voice_that_has_no_setting_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = PlannedNode("tts", node_type(FileVoice), {"path": "voice.onnx"})
    before = key(planned)
    monkeypatch.setattr(FileVoice, "hertz", 16_000)
    assert key(planned) != before


def test_white_space_is_not_heard_and_all_else_is() -> None:
    assert key(voice(), "  Hello\n there. ") == key(voice(), "Hello there.")
    others = {key(voice(), text) for text in ("Hello there.", "hello there.", "Hello there", "Hellothere.", "")}
    assert len(others) == 5


def test_half_a_character_is_a_text_like_any_other() -> None:
    assert key(voice(), "\ud83d") != key(voice(), "\ude00")


@pytest.mark.parametrize(
    ("kind", "variable"),
    [
        ("elevenlabs.tts", "ELEVENLABS_BASE_URL"),
        ("elevenlabs.http", "ELEVENLABS_BASE_URL"),
        ("openai.tts", "OPENAI_BASE_URL"),
    ],
)
def test_the_service_that_the_environment_leads_to(kind: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulator's sound is never taken for the vendor's."""
    monkeypatch.delenv(variable, raising=False)
    vendor = key(named(kind))
    monkeypatch.setenv(variable, "http://127.0.0.1:8000")
    assert key(named(kind)) != vendor
    by_the_graph = key(named(kind, base_url="http://proxy"))
    monkeypatch.setenv(variable, "")
    assert key(named(kind)) == vendor
    assert key(named(kind, base_url="http://proxy")) == by_the_graph != vendor


def test_keys_of_accounts_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHRASES_API_KEY", "one")
    one = key(voice())
    monkeypatch.setenv("PHRASES_API_KEY", "two")
    assert key(voice()) == one


def test_a_model_file_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same words in the graph may mean another file: in another folder, or later."""

    def here() -> str:
        return key(PlannedNode("tts", node_type(FileVoice), {"path": "voice.onnx"}))

    keys: set[str] = set()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        keys.add(here())
        Path("voice.onnx").write_bytes(b"one")
        keys.add(here())
        assert here() in keys
    Path("voice.onnx").write_bytes(b"other")
    keys.add(here())
    assert len(keys) == 5


def test_a_known_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it is kept, it is the same bytes."""
    before = key(named("piper.tts"))
    monkeypatch.setenv("VOICEGRAPH_MODELS", str(tmp_path))
    assert key(named("piper.tts")) == before != key(named("piper.tts", speed=1.5))


def test_every_process_makes_the_same_key(tmp_path: Path) -> None:
    """Though sets have another order in each."""
    told = {
        subprocess.run(
            [sys.executable, "-m", "tests.phrases.process", "key", tmp_path],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1


@given(DATA, DATA)
def test_different_values_are_written_differently(one: Any, other: Any) -> None:
    assert (canonical(one) == canonical(other)) == (one == other)


@given(st.dictionaries(st.text(), st.integers()), st.randoms())
def test_the_order_of_a_mapping_does_not_count(mapping: dict[str, int], random: Any) -> None:
    pairs = list(mapping.items())
    random.shuffle(pairs)
    assert canonical(dict(pairs)) == canonical(mapping)
