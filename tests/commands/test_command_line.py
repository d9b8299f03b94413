"""The command line as a whole: usage, exit codes, logging, and its end by Ctrl-C, in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from loguru import logger

from tests.commands.calls import GRAPH, graph_file, seconds_of, sound_file, voicegraph
from voicegraph import UserTurn, __version__, node

FULL = Path("/dev/full")

ROOT = Path(__file__).parents[2]


def start(*arguments: str | Path, program: tuple[str, ...] = ("-m", "voicegraph")) -> subprocess.Popen[str]:
    """A process of its own, without colours and with nothing on its standard input."""
    return subprocess.Popen(
        [sys.executable, *program, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )


def test_it_tells_its_version() -> None:
    assert voicegraph("--version").stdout == f"voicegraph {__version__}\n"


def test_it_helps() -> None:
    result = voicegraph("--help")
    assert result.exit_code == 0
    for command in ("run", "check", "graph", "nodes", "expand", "schema", "new", "models", "bench"):
        assert f" {command} " in result.stdout


@pytest.mark.parametrize(
    "arguments", [(), ("fly",), ("run",), ("run", "a", "b"), ("check", "a", "--format", "xml"), ("new", "car")]
)
def test_wrong_usage_is_told_on_stderr_with_code_2(arguments: tuple[str, ...]) -> None:
    result = voicegraph(*arguments)
    assert result.exit_code == 2
    assert "Usage" in result.stderr + result.stdout


def test_models_are_listed_and_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEGRAPH_MODELS", str(tmp_path))
    listed = voicegraph("models")
    assert listed.stdout == voicegraph("models", "list").stdout
    assert next(line.split()[:2] for line in listed.stdout.splitlines()[1:]) == ["silero-vad", "absent"]
    found = voicegraph("models", "path", "silero-vad")
    assert (found.exit_code, found.stdout) == (1, "")
    assert "voicegraph models pull silero-vad" in found.stderr
    offline = voicegraph("models", "pull", "silero-vad", "--offline")
    assert offline.exit_code == 1
    assert list(tmp_path.iterdir()) == []


@node("commands.logs")
def logs(turn: UserTurn) -> None:
    logger.debug("a detail")
    logger.info("a fact")
    logger.warning("a worry")
    logger.error("a fault")


@pytest.mark.parametrize(
    ("flags", "lines"),
    [
        ((), ["warning  a worry", "error  a fault"]),
        (("-q",), ["error  a fault"]),
        (("-v",), ["info  a fact", "warning  a worry", "error  a fault"]),
        (("-vv",), ["debug  a detail", "info  a fact", "warning  a worry", "error  a fault"]),
        (("--log-level", "error", "-v"), ["error  a fault"]),
    ],
)
def test_log_messages_go_to_stderr_in_one_line_each(tmp_path: Path, flags: tuple[str, ...], lines: list[str]) -> None:
    text = GRAPH.replace("brain:", "logs: commands.logs\n  brain:") + "  - aggregator -> logs\n"
    result = voicegraph(*flags, "run", graph_file(tmp_path, text), "--in", sound_file(tmp_path), "--fast")
    assert result.exit_code == 0, result.output
    assert [line for line in result.stderr.splitlines() if "  a " in line] == lines


@pytest.mark.parametrize("program", [("-m", "voicegraph"), (str(ROOT / "runner.py"),)])
def test_it_runs_as_a_module_and_from_a_checkout(program: tuple[str, ...]) -> None:
    out, err = start("--version", program=program).communicate(timeout=60)
    assert (out, err) == (f"voicegraph {__version__}\n", "")


def test_a_mistake_ends_with_code_1_and_without_a_traceback(tmp_path: Path) -> None:
    process = start("run", tmp_path / "none.yaml")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert "error[file-not-found]" in err
    assert "Traceback" not in err


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
@pytest.mark.parametrize("arguments", [("schema",), ("emulate", "--port", "0")])
def test_a_full_disk_is_told_in_a_line(arguments: tuple[str, ...]) -> None:
    with FULL.open("w") as full:
        command = [sys.executable, "-m", "voicegraph", *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: cannot write the output: No space left on device"
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_fault() -> None:
    process = start("schema")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.wait(timeout=60)
    process.stderr.close()


def test_a_reader_that_goes_away_ends_the_call_in_good_order(tmp_path: Path) -> None:
    """The call would last for an hour."""
    reply = tmp_path / "reply.wav"
    graph, sound = graph_file(tmp_path), sound_file(tmp_path)
    process = start("run", graph, "--in", sound, "--out", reply, "--set", "nodes.line.with.tail=60m")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read().splitlines() == ["", f"wrote {reply}", "stopped"]
    assert process.wait(timeout=60) == 130
    process.stderr.close()
    assert 0 < seconds_of(reply) < 3600


def test_ctrl_c_ends_the_call_and_keeps_the_reply(tmp_path: Path) -> None:
    """The call would last for an hour. It is stopped as soon as the caller has said something."""
    reply = tmp_path / "reply.wav"
    graph, sound = graph_file(tmp_path), sound_file(tmp_path)
    process = start("run", graph, "--in", sound, "--out", reply, "--set", "nodes.line.with.tail=60m")
    assert process.stdout is not None
    assert "Are you" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Nodes, in ms" in out
    assert err.splitlines() == ["", f"wrote {reply}", "stopped"]
    assert 0 < seconds_of(reply) < 3600


def test_ctrl_c_while_models_load_is_as_clean(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import sys, time\nfrom voicegraph import UserTurn, node\n\n"
        '@node("commands.slow")\nclass Slow:\n'
        "    def warm(self) -> None:\n        print('loading', flush=True)\n        time.sleep(1)\n"
        "    def on_turn(self, turn: UserTurn) -> None: ...\n"
    )
    text = (
        "imports: [slow.py]\n" + GRAPH.replace("brain:", "slow: commands.slow\n  brain:") + "  - aggregator -> slow\n"
    )
    process = start("run", graph_file(tmp_path, text), "--in", sound_file(tmp_path))
    assert process.stdout is not None
    assert process.stdout.readline() == "loading\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "stopped\n")
