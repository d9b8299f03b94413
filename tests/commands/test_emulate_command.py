"""`voicegraph emulate`, and `--emulate` for `run` and `bench`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands.calls import graph_file, sound_file, voicegraph
from tests.emulators import toy
from voicegraph import Token, UserTurn, node
from voicegraph.emulators import server

ASKS = """\
nodes:
  line: {use: file.call, with: {tail: 2s}}
  stt: {use: script.stt, with: {script: [{since: 300ms, at: 600ms, text: "Hello?"}]}}
  aggregator: aggregator
  brain: commands.toy
  sentences: sentences
  tts: tone.tts
flow:
  - line -> stt -> aggregator -> brain -> sentences -> tts -> line
"""


@node("commands.toy", env=("TOY_BASE_URL",))
class Toy:
    """Says what the emulated vendor of toys answers."""

    def on_turn(self, turn: UserTurn) -> Token:
        try:
            with urllib.request.urlopen(os.environ["TOY_BASE_URL"] + "/json") as answer:
                return Token(answer.read().decode())
        except urllib.error.HTTPError as error:
            error.close()  # it holds the connection until the garbage collector comes by
            raise


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(server.VENDORS):
        monkeypatch.delitem(server.VENDORS, name)
    monkeypatch.setitem(server.VENDORS, "toy", toy.__name__)


@contextmanager
def emulating(*arguments: str) -> Generator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The command in a process of its own, and what it tells one to export."""
    command = [sys.executable, "-m", "voicegraph", "emulate", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        lines = (process.stdout.readline().strip() for _ in range(2))
        yield process, dict(line.removeprefix("export ").split("=", 1) for line in lines)
    finally:
        process.kill()
        process.communicate()


def test_it_serves_until_ctrl_c_and_tells_what_to_export() -> None:
    with emulating("openai", "--port", "0") as (process, exports):
        assert exports["OPENAI_BASE_URL"].startswith("http://127.0.0.1:")
        assert exports["OPENAI_API_KEY"]
        request = urllib.request.Request(exports["OPENAI_BASE_URL"] + "/models")
        request.add_header("Authorization", "Bearer " + exports["OPENAI_API_KEY"])
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=10)
    assert process.returncode == 130
    notices = stderr.splitlines()
    assert notices[0].startswith("emulating openai on http://127.0.0.1:")
    assert "GET  /v1/models  200 done" in notices[1]
    assert notices[-1] == "stopped"


def test_it_warns_that_other_machines_may_come() -> None:
    with emulating("openai", "--port", "0", "--host", "0.0.0.0") as (process, exports):
        assert exports["OPENAI_BASE_URL"].startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=10)
    assert stderr.splitlines()[1] == "other machines are let in, with any key"


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = voicegraph("emulate", "--port", str(port))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: cannot listen on 127.0.0.1:{port}: another program has that port")
    assert len(result.stderr.splitlines()) == 1


def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> None:
        """Is found."""

    monkeypatch.setattr("voicegraph.commands.emulating.find_spec", nothing)
    result = voicegraph("emulate")
    assert result.exit_code == 1
    assert 'pip install "voicegraph[emulators]"' in result.stderr


def test_models_that_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEGRAPH_MODELS", str(tmp_path))
    result = voicegraph("emulate", "--backend", "local", "--offline")
    assert result.exit_code == 1
    assert "voicegraph models pull" in result.stderr


@pytest.mark.parametrize("option", ["--faults", "--script"])
def test_a_mistake_in_a_file_is_told_at_its_place(tmp_path: Path, option: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_text("seed: 1\ncuont: 2\n")
    result = voicegraph("emulate", option, file)
    assert result.exit_code == 1
    assert f"{file}:2:1: error[unknown-key]: there is no setting `cuont`" in result.stderr
    assert "\n2 | cuont: 2" in result.stderr


def test_a_script_for_models_is_a_mistake(tmp_path: Path) -> None:
    result = voicegraph("emulate", "--backend", "local", "--script", tmp_path / "script.yaml")
    assert result.exit_code == 2
    assert "the local backend has no script" in result.stderr


def test_a_vendor_nobody_knows() -> None:
    result = voicegraph("emulate", "acme")
    assert result.exit_code == 2
    assert "'acme' is not one of 'deepgram'" in result.stderr


def test_a_call_against_emulators(tmp_path: Path) -> None:
    result = voicegraph("run", graph_file(tmp_path, ASKS), "--in", sound_file(tmp_path), "--fast", "--emulate")
    assert result.exit_code == 0, result.output
    assert ' agent  {"answer":42}' in result.stdout
    assert result.stderr.startswith("emulating toy on http://127.0.0.1:")
    assert "(scripted backend)" in result.stderr
    assert "TOY_BASE_URL" not in os.environ


def test_without_them_the_variables_are_missing(tmp_path: Path) -> None:
    result = voicegraph("run", graph_file(tmp_path, ASKS), "--in", sound_file(tmp_path), "--fast")
    assert result.exit_code == 1
    assert "error[missing-variable]" in result.stderr


def test_a_call_with_a_fault(tmp_path: Path) -> None:
    faults = tmp_path / "faults.yaml"
    faults.write_text("faults: [{kind: status, path: /toy/*, status: 503}]")
    graph, sound = graph_file(tmp_path, ASKS), sound_file(tmp_path)
    result = voicegraph("run", graph, "--in", sound, "--fast", "--emulate", "--faults", faults)
    assert "brain: HTTPError: HTTP Error 503" in result.stdout


def test_a_benchmark_against_emulators(tmp_path: Path) -> None:
    graph, sound = graph_file(tmp_path, ASKS), sound_file(tmp_path)
    result = voicegraph("bench", graph, "--in", sound, "--fast", "--turns", "1", "--emulate")
    assert result.exit_code == 0, result.output
    assert "end of speech to answer" in result.stdout


@pytest.mark.parametrize("option", [("--backend", "scripted"), ("--faults", "f.yaml"), ("--script", "s.yaml")])
def test_options_of_emulators_without_any(tmp_path: Path, option: tuple[str, str]) -> None:
    result = voicegraph("run", graph_file(tmp_path, ASKS), "--in", sound_file(tmp_path), *option)
    assert result.exit_code == 2
    assert "add --emulate" in result.stderr.replace("\n", " ")
