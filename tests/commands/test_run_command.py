"""`voicegraph run`: what it shows, where it writes, and how it refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.commands.calls import GRAPH, graph_file, seconds_of, sound_file, voicegraph
from voicegraph import Audio, Token, TTSAudio, UserTurn, node

FILE_LINE = "{use: file.call, with: {tail: 2s}}"

IMPORTED = """\
from voicegraph import node
from tests.commands.test_run_command import Phone

@node("commands.imported", line=True)
class Imported(Phone):
    pass
"""


@node("commands.phone", line=True, env=("COMMANDS_PHONE_KEY",))
class Phone:
    """A line that no test may use."""

    number: str

    async def listen(self) -> AsyncIterator[Audio]:
        yield Audio(b"")  # and hangs up

    async def play(self, audio: TTSAudio) -> None: ...
    def clear(self) -> None: ...
    async def drain(self) -> None: ...


@node("commands.faulty")
class Faulty:
    async def on_turn(self, turn: UserTurn) -> Token:
        raise ZeroDivisionError("by nothing")


def test_the_conversation_the_figures_and_the_reply(tmp_path: Path) -> None:
    reply = tmp_path / "reply.wav"
    result = voicegraph("run", graph_file(tmp_path), "--in", sound_file(tmp_path), "--out", reply, "--fast")
    assert result.exit_code == 0, result.output
    lines = [line[8:].split("  (")[0] for line in result.stdout.splitlines()]
    assert lines[:3] == ["caller  Are you", "caller  Are you open?", " agent  You said: Are you Are you open?"]
    assert "From the end of the caller's speech to the answer" in result.stdout
    for name in ("line", "stt", "aggregator", "brain", "sentences", "tts"):
        assert f"\n{name} " in result.stdout
    assert str(reply) not in result.stdout
    assert f"wrote {reply}" in result.stderr
    assert seconds_of(reply) >= 3.0


def test_a_long_silence_is_not_sat_through(tmp_path: Path) -> None:
    """Ten minutes of it: without the jumping clock nobody would wait for this test."""
    graph, sound = graph_file(tmp_path), sound_file(tmp_path)
    result = voicegraph("run", graph, "--in", sound, "--set", "nodes.line.with.tail=10m", "--fast")
    assert result.exit_code == 0, result.output


def test_set_changes_the_graph(tmp_path: Path) -> None:
    graph, sound = graph_file(tmp_path), sound_file(tmp_path)
    result = voicegraph("run", graph, "--in", sound, "--fast", "--set", "nodes.brain.with.prefix=So")
    assert " agent  SoAre you" in result.stdout


@pytest.mark.parametrize("name", ["plain", "with: colon #1", "${env:HOME}", 'quo"te', "ünïcode", "per%cent"])
def test_any_path_will_do(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    result = voicegraph("run", graph_file(folder), "--in", sound_file(folder), "--out", folder / "o.wav", "--fast")
    assert result.exit_code == 0, result.output
    assert (folder / "o.wav").exists()


@pytest.mark.parametrize("line", ["commands.phone", "{use: commands.phone, with: {number: '+1 555'}}"])
def test_a_graph_for_the_telephone_runs_on_a_file(tmp_path: Path, line: str) -> None:
    """Its line gives way, and with it the key that it would need."""
    graph = graph_file(tmp_path, GRAPH.replace(FILE_LINE, line))
    result = voicegraph("run", graph, "--in", sound_file(tmp_path), "--fast")
    assert result.exit_code == 0, result.output
    assert " agent  You said" in result.stdout


def test_so_does_a_graph_whose_line_it_imports(tmp_path: Path) -> None:
    (tmp_path / "imported.py").write_text(IMPORTED)
    text = "imports: imported.py\n" + GRAPH.replace(FILE_LINE, "commands.imported")
    result = voicegraph("run", graph_file(tmp_path, text), "--in", sound_file(tmp_path), "--fast")
    assert result.exit_code == 0, result.output


def test_only_a_graph_whose_line_is_a_file_has_an_output(tmp_path: Path) -> None:
    graph = graph_file(tmp_path, GRAPH.replace(FILE_LINE, "commands.phone"))
    result = voicegraph("run", graph, "--out", tmp_path / "reply.wav")
    assert result.exit_code == 2
    assert "--in" in result.stderr


def test_without_an_input_it_asks_for_one(tmp_path: Path) -> None:
    result = voicegraph("run", graph_file(tmp_path))
    assert result.exit_code == 2
    assert "--in question.wav" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("content", [None, b"", b"ID3 this is music"])
def test_a_bad_input_is_one_clear_line(tmp_path: Path, content: bytes | None) -> None:
    sound = tmp_path / "caller.wav"
    if content is not None:
        sound.write_bytes(content)
    result = voicegraph("run", graph_file(tmp_path), "--in", sound, "--out", tmp_path / "reply.wav", "--fast")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert "caller.wav" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert [file.name for file in tmp_path.iterdir() if "reply" in file.name] == []


def test_an_output_that_cannot_be_written_is_told_before_the_call(tmp_path: Path) -> None:
    result = voicegraph("run", graph_file(tmp_path), "--in", sound_file(tmp_path), "--out", tmp_path / "no" / "o.wav")
    assert result.exit_code == 1
    assert "there is no directory" in result.stderr
    assert result.stdout == ""


def test_a_wrong_graph_is_told_on_stderr(tmp_path: Path) -> None:
    graph = graph_file(tmp_path, GRAPH.replace("tone.tts", "tone.tss"))
    result = voicegraph("run", graph, "--in", sound_file(tmp_path))
    assert result.exit_code == 1
    assert "error[unknown-node-type]" in result.stderr
    assert "did you mean `tone.tts`?" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("content", ["", "- 1", "nodes: {", "nodes: {a: b"])
def test_a_broken_graph_with_an_input_is_told_likewise(tmp_path: Path, content: str) -> None:
    result = voicegraph("run", graph_file(tmp_path, content), "--in", sound_file(tmp_path))
    assert result.exit_code == 1
    assert "error[" in result.stderr


@pytest.mark.parametrize(("option", "variable"), [(["--offline"], ""), ([], "1")])
def test_models_that_are_not_here_are_told_with_the_command_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: list[str], variable: str
) -> None:
    monkeypatch.setenv("VOICEGRAPH_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("VOICEGRAPH_OFFLINE", variable)
    text = "nodes: {line: file.call, vad: silero.vad}\nflow: [line -> vad]\n"
    result = voicegraph("run", graph_file(tmp_path, text), "--in", sound_file(tmp_path), *option)
    assert result.exit_code == 1
    assert "voicegraph models pull silero-vad" in result.stderr
    assert "to be fetched" not in result.stderr


def test_a_node_that_fails_does_not_end_the_call(tmp_path: Path) -> None:
    graph = graph_file(tmp_path, GRAPH.replace('{use: echo.chat, with: {prefix: "You said: "}}', "commands.faulty"))
    result = voicegraph("run", graph, "--in", sound_file(tmp_path), "--fast")
    assert result.exit_code == 0, result.output
    assert "brain: ZeroDivisionError" in result.stderr
    assert f" fault  {graph}:7:10: brain: ZeroDivisionError: by nothing" in result.stdout
    assert "errors" in result.stdout
    assert "Traceback" not in result.output


def test_a_call_without_a_word_says_so(tmp_path: Path) -> None:
    graph, sound = graph_file(tmp_path), sound_file(tmp_path)
    result = voicegraph("run", graph, "--in", sound, "--fast", "--set", "nodes.stt.with.script=[]")
    assert result.exit_code == 0, result.output
    assert "nothing was said" in result.stderr
