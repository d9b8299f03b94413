"""What `check` tells of a graph that names pipecat's services wrongly, in whose words, and where."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.calls import voicegraph

GRAPH = """\
version: 1
name: test
imports: [./acme.py]
nodes:
  line: file.call
  stt: {{use: pipecat.processor, with: {{{stt}}}}}
  aggregator: aggregator
  llm: {{use: pipecat.processor, with: {{{llm}}}}}
  sentences: sentences
  tts: {{use: pipecat.processor, with: {{{tts}}}}}
flow:
  - {flow}
"""
PARTS = {
    "stt": "service: deepgram.stt",
    "llm": "service: openai.llm",
    "tts": "service: elevenlabs.tts, settings: {voice: anna}",
    "flow": "line -> stt -> aggregator -> llm -> sentences -> tts -> line",
}
ACME = """\
from pipecat.services.image_service import ImageGenService
from voicegraph.pipecat_services import service

@service("acme.tts")
def acme(voice: str, mood: str = "kind"):
    raise ValueError(f"{voice} is never {mood}")

@service("acme.drawing.tts")
class Drawing(ImageGenService):
    pass
"""


def told(folder: Path, **parts: str) -> list[str]:
    """Every error: where in the line, and what."""
    (folder / "graph.yaml").write_text(GRAPH.format(**PARTS | parts))
    (folder / "acme.py").write_text(ACME)
    result = voicegraph("check", folder / "graph.yaml")
    lines = [line for line in result.output.splitlines() if ": error[" in line]
    assert all("graph.yaml:" in line for line in lines), result.output
    assert result.exit_code == bool(lines), result.output
    return [line.split("graph.yaml:")[1] for line in lines]


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for vendor in ("DEEPGRAM", "OPENAI", "ELEVENLABS", "CARTESIA"):
        monkeypatch.setenv(f"{vendor}_API_KEY", "any")
    monkeypatch.setattr("voicegraph.pipecat_services._own", {})  # each test registers its own


def test_nothing_is_wrong(tmp_path: Path) -> None:
    assert told(tmp_path) == []


ELEVENLABS = "service: elevenlabs.tts, settings: {voice: anna}"
MISTAKES = [
    (
        "stt: service: deepgrm.stt",
        "deepgrm.stt",
        "`service`: pipecat has no service `deepgrm.stt`; did you mean `deepgram.stt`?",
    ),
    (
        "llm: service: openai.llm, settings: {temprature: 1}",
        "1",
        "`settings.temprature`: `openai.llm` has no such setting; did you mean `temperature`?",
    ),
    (
        "llm: service: openai.llm, settings: {temperature: hot}",
        "hot",
        "`settings.temperature` should be a valid number, unable to parse string as a number",
    ),
    (
        "tts: service: acme.tts, settings: {voice: Anna, mood: calm}",
        "{voice",
        "`settings`: Anna is never calm",
    ),
    (
        "tts: service: acme.tts",
        "acme.tts",
        "`service`: `acme.tts` needs the setting `voice`",
    ),
    (
        f"tts: {ELEVENLABS}, before: [acme.processor]",
        "acme.processor",
        "`before.0`: pipecat has no service `acme.processor`; register it in a module that the graph imports: "
        "`@service(...)` of voicegraph.pipecat_services",
    ),
    (
        f"tts: {ELEVENLABS}, system: be kind",
        "pipecat.processor",
        "`pipecat.processor`: `system` and `tools` are for a language model, and `elevenlabs.tts` is none",
    ),
]
"""What stands at a node of the graph, what the caret is under, and what is told."""


@pytest.mark.parametrize(("written", "at", "words"), MISTAKES)
def test_a_mistake_is_told_at_its_place(tmp_path: Path, written: str, at: str, words: str) -> None:
    part, _, settings = written.partition(": ")
    (found,) = told(tmp_path, **{part: settings})
    place, _, message = found.partition(": error[bad-config]: ")
    line, column = map(int, place.split(":"))
    text = (tmp_path / "graph.yaml").read_text().splitlines()[line - 1]
    assert text[column - 1 :].startswith(at)
    assert text.lstrip().startswith(part)
    assert message == words


def test_several_mistakes_are_told_at_once(tmp_path: Path) -> None:
    llm = "service: openai.llm, settings: {temprature: 1, top_p: no}, before: [a.processor, fal.image]"
    found = told(tmp_path, llm=llm)
    assert [each.split("`")[1] for each in found] == ["settings.temprature", "settings.top_p", "before.0", "before.1"]


@pytest.mark.parametrize(
    ("service", "why"),
    [("openai.realtime.llm", "hears and speaks itself"), ("fal.image", "is of the kind `image`")],
)
def test_what_cannot_be_translated_is_told_with_what_can(tmp_path: Path, service: str, why: str) -> None:
    (found,) = told(
        tmp_path, llm=f"service: {service}", flow="line -> stt -> aggregator -> llm -> sentences -> tts -> line"
    )
    assert f"`{service}` {why}: its frames cannot be translated. What can: `.stt` takes Audio" in found


def test_a_service_under_a_wrong_name_is_told(tmp_path: Path) -> None:
    (found,) = told(tmp_path, tts="service: acme.drawing.tts")
    assert "`acme.drawing.tts` is of the class `ImageGenService`: its frames cannot be translated. What can:" in found


def test_the_ports_are_those_of_the_service(tmp_path: Path) -> None:
    found = told(tmp_path, flow="line -> stt -> aggregator -> llm -> tts -> line")
    assert any("`llm` gives nothing that `tts` takes" in each for each in found)


def test_a_missing_vendor_is_told_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "any")
    folder = tmp_path
    (folder / "acme.py").write_text(ACME)
    (folder / "graph.yaml").write_text(GRAPH.format(**PARTS | {"llm": "service: anthropic.llm"}))
    result = voicegraph("check", folder / "graph.yaml")
    assert "graph.yaml:8:14: error[missing-package]: `pipecat.processor` needs `anthropic`" in result.output
    assert 'pip install "pipecat-ai[anthropic]"' in result.output


def test_without_pipecat_the_command_brings_it(tmp_path: Path) -> None:
    (tmp_path / "acme.py").write_text(ACME)
    (tmp_path / "graph.yaml").write_text(GRAPH.format(**PARTS))
    code = (
        "import sys; sys.modules['pipecat'] = None\n"
        "from voicegraph.runner import app\n"
        f"app(['check', {str(tmp_path / 'graph.yaml')!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "`pipecat.processor` needs `pipecat`" in done.stdout + done.stderr
    assert 'pip install "voicegraph[pipecat]"' in done.stdout + done.stderr


def test_a_graph_without_such_a_node_imports_nothing_of_it(tmp_path: Path) -> None:
    graph = Path(__file__).parents[2] / "graphs" / "hello.yaml"
    code = (
        "import sys\nfrom voicegraph.runner import app\n"
        f"try: app(['check', {str(graph)!r}])\nexcept SystemExit: pass\n"
        "print('pipecat' in sys.modules, 'voicegraph.providers.pipecat_frames' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False False\n")
