"""docs/from-pipecat.md: its code is that of examples/pipecat, its graphs load, and its bots can be built and run."""

from __future__ import annotations

import asyncio
import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
from pipecat.frames import frames as pc
from pipecat.pipeline.pipeline import Pipeline
from pipecat.transports.base_transport import BaseTransport

from tests.pipecat_pipelines.pipelines import DOWN, UP, Beeps, End, Speaker, heard, running
from voicegraph.emulators.scripted import Script, scripted
from voicegraph.emulators.server import in_thread
from voicegraph.graph import compile_plan, loads
from voicegraph.pipecat import GraphProcessor
from voicegraph.providers.pipecat_carriers import CARRIERS, Name

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "pipecat"
PAGE = (ROOT / "docs" / "from-pipecat.md").read_text()
KEYS = ("DEEPGRAM_API_KEY", "OPENAI_API_KEY", "ELEVENLABS_API_KEY")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for key in KEYS:
        monkeypatch.setenv(key, "any")


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"examples_pipecat_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_its_code_is_that_of_the_examples() -> None:
    shown = {*blocks("python"), *blocks("yaml")}
    examples = {path.name: path.read_text() for path in EXAMPLES.iterdir() if path.is_file()}
    assert [name for name, text in examples.items() if text not in shown] == []
    assert not {*blocks("python")} - {*examples.values()}


@pytest.mark.parametrize("number", range(len(blocks("yaml"))))
def test_its_graphs_load(number: int) -> None:
    compile_plan(loads(blocks("yaml")[number]))


def test_the_frames_that_it_names_are_pipecats() -> None:
    named = set(re.findall(r"\b[A-Z]\w+Frame\b", PAGE))
    assert len(named) > 15
    assert [name for name in named if not hasattr(pc, name)] == []


def test_it_tells_of_every_carrier() -> None:
    assert {name for name in get_args(Name) if f"`{name}`" in PAGE} == {*CARRIERS}


class Ends(BaseTransport):
    """A transport of two ends."""

    def input(self) -> Any:
        return End(UP)

    def output(self) -> Any:
        return Speaker()


@pytest.mark.parametrize("name", ["bot", "brain_bot"])
def test_its_bots_can_be_built(name: str) -> None:
    async def main() -> None:
        pipeline = module(name).bot(Ends())
        assert isinstance(pipeline, Pipeline)
        graphs = [each for each in pipeline.processors if isinstance(each, GraphProcessor)]
        assert bool(graphs) == (name == "brain_bot")

    asyncio.run(main())


def test_its_brain_answers_in_a_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = scripted(Script(otherwise="At nine."))

    async def main() -> None:
        processor = GraphProcessor("examples/pipecat/brain.yaml")
        async with running(processor, Beeps(), Speaker()) as pipe:
            await pipe.say(heard("When do you open?"))
            await pipe.until(pc.LLMFullResponseEndFrame)
            assert [frame.text for frame in pipe.back.of(pc.TTSTextFrame)] == ["At nine."]
            assert processor.session is not None
            assert processor.session.reply(1).heard == "At nine."

    with in_thread(["openai"], backend=backend) as emulators:
        for name, value in emulators.environment.items():
            monkeypatch.setenv(name, value)
        asyncio.run(main())


def test_its_voice_speaks_in_a_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        behind = End(DOWN)
        async with running(GraphProcessor("examples/pipecat/voice.yaml"), behind, Speaker()) as pipe:
            await pipe.say(pc.LLMFullResponseStartFrame(), pc.LLMTextFrame("At nine."), pc.LLMFullResponseEndFrame())
            await pipe.until(pc.LLMFullResponseEndFrame)
            assert sum(len(frame.audio) for frame in behind.of(pc.TTSAudioRawFrame)) > 0
            assert " ".join(frame.text for frame in behind.of(pc.TTSTextFrame)) == "At nine."

    with in_thread(["elevenlabs", "openai"], backend=scripted()) as emulators:
        for name, value in emulators.environment.items():
            monkeypatch.setenv(name, value)
        asyncio.run(main())
