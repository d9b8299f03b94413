"""`voicegraph warm`: what it renders, what it finds rendered already, and how it tells what could not be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.calls import graph_file, sound_file, voicegraph
from voicegraph import Sentence, Token, TTSAudio, UserTurn, node

GRAPH = """\
nodes:
  line: {use: file.call, with: {greeting: "Oak Dental,  this is Sam."}}
  stt: {use: script.stt, with: {script: [{since: 300ms, at: 600ms, text: "Are you open?"}]}}
  aggregator: aggregator
  brain: {use: echo.chat, recover: {timeout: 3s, say: One moment please.}}
  sentences: sentences
  tts: {use: warming.voice, recover: {fallback: backup}}
  backup: {use: warming.voice, with: {person: bob}}
flow:
  - line -> stt -> aggregator -> brain -> sentences -> tts -> line
watchdog: {sorry: null, goodbye: null}
"""

said: list[str] = []
down: list[str] = []


@node("warming.voice", env=("WARMING_API_KEY",))
class Voice:
    """A voice with a key, which it tells when it fails."""

    person: str = "anna"
    broken: bool = False

    def on_sentence(self, sentence: Sentence) -> Iterator[TTSAudio]:
        if self.person in down:
            raise ConnectionError
        said.append(f"{self.person}: {sentence.text}")
        yield TTSAudio(b"\1\0" * 8_000, 16_000, sentence.text)
        if self.broken:
            raise ZeroDivisionError(f"no luck with {os.environ['WARMING_API_KEY']}\nat all")


@node("warming.cold", env=("WARMING_API_KEY",))
class Cold:
    """Has a model that cannot be loaded."""

    def warm(self) -> None:
        raise RuntimeError(f"no model for {os.environ['WARMING_API_KEY']}")

    def on_turn(self, turn: UserTurn) -> Token:
        return Token(turn.text)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of phrases."""
    said.clear()
    down.clear()
    monkeypatch.setenv("WARMING_API_KEY", "s3cret")
    monkeypatch.setenv("VOICEGRAPH_PHRASES", str(tmp_path / "phrases"))
    return tmp_path / "phrases"


def lines(output: str) -> list[list[str]]:
    """What stands at the beginning and at the end of each line."""
    return [[line.split()[0], line.split()[1], line.rpartition("  ")[2]] for line in output.splitlines()]


def test_each_phrase_in_each_voice(tmp_path: Path, store: Path) -> None:
    result = voicegraph("warm", graph_file(tmp_path, GRAPH))
    assert result.exit_code == 0, result.output
    told = {(word, voice, text) for word, voice, text in lines(result.stdout)}
    assert len(told) == len(result.stdout.splitlines()) == 4
    assert {(word, voice) for word, voice, _ in told} == {("rendered", "tts"), ("rendered", "backup")}
    assert ("rendered", "backup", "One moment please.") in told
    assert all("0.50 s of sound in " in line for line in result.stdout.splitlines())
    assert f"4 rendered; kept in {store}" in result.stderr
    assert len(list(store.iterdir())) == len(said) == 4


def test_what_is_there_is_not_rendered_again(tmp_path: Path) -> None:
    graph = graph_file(tmp_path, GRAPH)
    voicegraph("warm", graph)
    said.clear()
    again = voicegraph("warm", graph)
    assert again.exit_code == 0
    assert said == []
    assert {word for word, *_ in lines(again.stdout)} == {"cached"}
    changed = voicegraph("warm", graph, "--set", "nodes.backup.with.person=eve")
    assert {each.split(":")[0] for each in said} == {"eve"}
    assert "2 cached, 2 rendered" in changed.stderr


@pytest.mark.parametrize("command", [("run",), ("bench", "--turns", "1")], ids=lambda command: command[0])
def test_a_call_says_what_was_rendered_ahead_with_every_voice_down(tmp_path: Path, command: tuple[str, ...]) -> None:
    graph, sound = graph_file(tmp_path, GRAPH), sound_file(tmp_path)
    voicegraph("warm", graph)
    said.clear()
    down.extend(["anna", "bob"])
    result = voicegraph(*command, graph, "--in", sound, "--fast", "--set", "nodes.stt.with.script=[]")
    assert result.exit_code == 0, result.output
    assert ("Oak Dental" in result.stdout) == (command == ("run",))
    assert "ConnectionError" not in result.output
    assert said == []


def test_a_call_keeps_what_it_says(tmp_path: Path, store: Path) -> None:
    graph, sound = graph_file(tmp_path, GRAPH), sound_file(tmp_path)
    silent = ("--in", sound, "--fast", "--set", "nodes.stt.with.script=[]")
    for _ in range(2):
        assert voicegraph("run", graph, *silent).exit_code == 0
    assert said == ["anna: Oak Dental,  this is Sam."]


def test_a_voice_that_cannot_is_told_and_the_others_still_do(tmp_path: Path, store: Path) -> None:
    result = voicegraph("warm", graph_file(tmp_path, GRAPH), "--set", "nodes.tts.with.broken=true")
    assert result.exit_code == 1
    assert {(word, voice) for word, voice, _ in lines(result.stdout)} == {("failed", "tts"), ("rendered", "backup")}
    assert "ZeroDivisionError: no luck with $WARMING_API_KEY at all" in result.stdout
    assert "s3cret" not in result.output
    assert "2 rendered, 2 failed" in result.stderr
    assert len(list(store.iterdir())) == 2


def test_a_node_that_cannot_be_warmed_is_told_and_phrases_are_rendered(tmp_path: Path) -> None:
    graph = graph_file(tmp_path, GRAPH.replace("use: echo.chat", "use: warming.cold"))
    result = voicegraph("warm", graph)
    assert result.exit_code == 1
    assert "brain: RuntimeError: no model for $WARMING_API_KEY" in result.stderr
    assert "s3cret" not in result.output
    assert "4 rendered" in result.stderr


def test_a_folder_that_cannot_be_used(tmp_path: Path, store: Path) -> None:
    store.touch()
    result = voicegraph("warm", graph_file(tmp_path, GRAPH))
    assert result.exit_code == 1
    assert f"the folder of phrases {store} cannot be used" in result.stderr
    assert "4 rendered; not all of it could be kept" in result.stderr


def test_emulated_voices_are_not_kept(tmp_path: Path, store: Path) -> None:
    text = GRAPH.replace("{use: warming.voice, with: {person: bob}}", "openai.tts")
    result = voicegraph("warm", graph_file(tmp_path, text), "--emulate")
    assert result.exit_code == 0, result.output
    assert "4 rendered; emulated voices are not kept" in result.stderr
    assert not store.exists()


def test_a_graph_that_says_nothing_by_itself(tmp_path: Path) -> None:
    text = GRAPH.replace(', with: {greeting: "Oak Dental,  this is Sam."}', "")
    text = text.replace(", recover: {timeout: 3s, say: One moment please.}", "")
    result = voicegraph("warm", graph_file(tmp_path, text))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "has no phrase that is known before a call" in result.stderr


def test_a_graph_that_is_wrong(tmp_path: Path) -> None:
    result = voicegraph("warm", graph_file(tmp_path, GRAPH.replace("echo.chat", "echo.chit")))
    assert result.exit_code == 1
    assert "error[unknown-node-type]" in result.stderr


def test_a_key_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WARMING_API_KEY")
    result = voicegraph("warm", graph_file(tmp_path, GRAPH))
    assert result.exit_code == 1
    assert "WARMING_API_KEY" in result.stderr
    assert said == []
