"""Stand-ins: a graph runs without its vendors, and in everything else it is the same graph."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest

from tests.testing.directed import Done, directed, passing
from voicegraph import (
    Audio,
    Dtmf,
    EndOfTurn,
    Interrupt,
    Rate,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Token,
    ToolCall,
    ToolResult,
    Transcript,
    TTSAudio,
    UserTurn,
    node,
)
from voicegraph.graph import Plan, compile_plan, load, loads
from voicegraph.testing import CannotStandIn, SimulatedCall, stand_ins

ROOT = Path(__file__).parents[2]

# --- a vendor that nobody has ---------------------------------------------------------------------------------------


@node("vendor.line", line=True, packages=("no_such_package",))
class VendorLine:
    """A phone at 8 kHz."""

    greeting: str = "Vendor speaking."
    lead: str = "200ms"

    async def listen(self) -> AsyncIterator[Annotated[Audio | Dtmf, Rate(8_000)]]:
        yield Audio(b"")

    async def play(self, audio: Annotated[TTSAudio, Rate(8_000)]) -> None:
        raise NotImplementedError

    def clear(self) -> None:
        raise NotImplementedError

    async def drain(self) -> None:
        raise NotImplementedError


@node("vendor.stt", packages=("no_such_package",), env=("VENDOR_KEY",))
class VendorSTT:
    """Hears, and judges the end of a turn."""

    model: str = "best"

    async def listen(
        self, frames: AsyncIterator[Annotated[Audio, Rate(16_000)]]
    ) -> AsyncIterator[Transcript | SpeechStarted | SpeechStopped | EndOfTurn]:
        yield Transcript("")


@node("vendor.clean", packages=("no_such_package",))
class VendorClean:
    """Takes the noise out, at the rate at which it comes."""

    def clean(self, audio: Audio) -> Audio:
        raise NotImplementedError


@node("vendor.llm", env=("VENDOR_KEY",))
class VendorLLM:
    """Answers."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token | ToolCall]:
        yield Token("")


@node("vendor.listener", env=("VENDOR_KEY",))
class VendorListener:
    """Answers, and reads along."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        yield Token("")

    def on_transcript(self, transcript: Transcript) -> None:
        raise NotImplementedError


@node("vendor.tts", env=("VENDOR_KEY",))
class VendorTTS:
    """Speaks, at a rate of its own."""

    rate: int = 22_050
    speed: float = 1.0

    async def on_sentence(self, sentence: Sentence) -> AsyncIterator[Annotated[TTSAudio, Rate("rate")]]:
        yield TTSAudio(b"")


@node("vendor.tool", env=("VENDOR_KEY",))
def vendor_tool(call: ToolCall) -> ToolResult:
    """Books a table."""
    raise NotImplementedError


@node("test.stand.boss")
class Boss:
    """A turn for each final transcript, at its end of turn; speech interrupts."""

    def __post_init__(self) -> None:
        self.text = ""

    def on_speech(self, speech: SpeechStarted) -> Interrupt:
        return Interrupt()

    def on_stop(self, speech: SpeechStopped) -> None:
        """It waits for the judgement."""

    def on_transcript(self, transcript: Transcript) -> None:
        self.text = transcript.text

    def on_end(self, end: EndOfTurn) -> UserTurn:
        return UserTurn(self.text)


VENDORS = """
version: 1
nodes:
  line: vendor.line
  clean: vendor.clean
  stt: vendor.stt
  boss: test.stand.boss
  llm: vendor.llm
  sentences: sentences
  tts: {use: vendor.tts, cache: true, with: {speed: 1.5}, recover: {timeout: 500ms, fallback: backup}}
  backup: {use: vendor.tts, with: {rate: 16000}}
flow:
  - line -> clean -> stt -> boss -> llm -> sentences -> tts -> line
"""


def vendors(text: str = VENDORS) -> Plan:
    return compile_plan(loads(text, ready=False, environment={}))


def kinds(plan: Plan) -> dict[str, str]:
    return {name: planned.kind.name for name, planned in {**plan.nodes, **plan.standby}.items()}


def mistakes(plan: Plan, **options: Any) -> list[tuple[str, str]]:
    with pytest.raises(CannotStandIn) as caught:
        stand_ins(plan, **options)
    return [(mistake.node, mistake.message) for mistake in caught.value.mistakes]


def test_every_node_that_needs_something_is_replaced_and_no_other() -> None:
    plan = vendors()
    stood_in = stand_ins(plan)
    assert kinds(stood_in) == {
        "line": "simulated.call",
        "clean": "scripted.resample",
        "clean~16000": "scripted.resample",
        "stt": "scripted.stt",
        "boss": "test.stand.boss",
        "llm": "scripted.llm",
        "sentences": "sentences",
        "tts": "scripted.tts",
        "tts~8000": "scripted.resample",
        "backup": "scripted.tts",
        "backup~8000": "scripted.resample",
    }
    assert list(stood_in.nodes) == list(plan.nodes)
    assert (stood_in.edges, stood_in.standby_edges) == (plan.edges, plan.standby_edges)
    assert stood_in.nodes["tts"].recover is plan.nodes["tts"].recover is not None
    assert stood_in.nodes["tts"].cache
    assert (stood_in.phrases, stood_in.watchdog) == (plan.phrases, plan.watchdog)
    assert plan.phrases


def test_rates_and_settings_that_mean_the_same_stay() -> None:
    nodes = {**(plan := stand_ins(vendors())).nodes, **plan.standby}
    made = {name: planned.make() for name, planned in nodes.items()}
    line = made["line"]
    assert (line.rate, line.voice_rate, line.greeting) == (8_000, 8_000, "Vendor speaking.")
    assert (made["tts"].rate, made["tts"].speed) == (22_050, 1.5)
    assert made["backup"].rate == 16_000
    converters = {"clean": 8_000, "clean~16000": 16_000, "tts~8000": 8_000, "backup~8000": 8_000}
    assert {name: made[name].rate for name in converters} == converters
    assert made["stt"].speech
    assert made["stt"].end_of_turn


def test_a_graph_of_vendors_is_a_conversation() -> None:
    async def direct(line: SimulatedCall, session: Any) -> None:
        await passing(line, 3.0)
        await line.say("When do you open?").done()
        await passing(line, 2.0)
        await line.say("And on Sundays?").done()
        await passing(line, 4.0)

    says = [{"cue": "open?", "text": "From nine to five on weekdays, and until noon."}, {"text": "We are closed then."}]
    done = directed(stand_ins(vendors(), says=says), direct)
    greeting, first, second = (done.line.heard.text(turn) for turn in (1, 2, 3))
    assert greeting == "Vendor speaking."
    assert first
    assert says[0]["text"].startswith(first)
    assert first != says[0]["text"]  # the caller interrupted
    assert second == "We are closed then."
    assert done.line.heard.stale() == []


def test_a_node_may_be_real() -> None:
    stood_in = stand_ins(vendors(), real=["llm", "backup"])
    assert (kinds(stood_in)["llm"], kinds(stood_in)["backup"]) == ("vendor.llm", "vendor.tts")
    assert kinds(stood_in)["tts"] == "scripted.tts"


def test_settings_go_to_the_scripted_nodes() -> None:
    settings: dict[str, Any] = {"llm": {"first": "1s"}, "tts": {"pace": 1.2, "speed": 2.0}, "line": {"lead": "1s"}}
    nodes = stand_ins(vendors(), settings=settings, line={"latency": "50ms"}).nodes
    assert nodes["llm"].make().first == 1.0
    assert (nodes["tts"].make().pace, nodes["tts"].make().speed) == (1.2, 2.0)
    assert (nodes["line"].make().lead, nodes["line"].make().latency) == (1.0, 0.05)


# --- what cannot be -------------------------------------------------------------------------------------------------


def test_all_nodes_without_a_stand_in_are_named_with_what_to_do() -> None:
    text = VENDORS.replace("nodes:", "nodes:\n  tool: vendor.tool\n  other: vendor.tool")
    text += "  - llm -> tool\n  - llm -> other\n"
    message = (
        "`vendor.tool` needs `VENDOR_KEY`, and no scripted node can stand in for one that takes ToolCall and gives "
        "ToolResult; name the node in `real` to run it as it is, or `set` another type for it"
    )
    assert mistakes(vendors(text)) == [("tool", message), ("other", message)]
    assert "tool" in stand_ins(vendors(text), real=["tool", "other"]).nodes


def test_what_a_stand_in_cannot_take_or_give_is_told() -> None:
    text = VENDORS.replace("vendor.llm", "vendor.listener").replace("boss ->", "boss -> llm\n  - stt ->")
    assert mistakes(vendors(text)) == [
        (
            "llm",
            "its stand-in `scripted.llm` does not take Transcript; "
            "name the node in `real` to run it as it is, or `set` another type for it",
        )
    ]


def test_wrong_names_are_told() -> None:
    told = mistakes(vendors(), real=["lm"], settings={"ttss": {"pace": 1}, "boss": {"x": 1}, "llm": {}})
    assert told == [
        ("lm", "the graph has no such node; did you mean `llm`?"),
        ("ttss", "the graph has no such node; did you mean `tts`?"),
        (
            "boss",
            "it needs nothing that has to be replaced (test.stand.boss), so it takes no settings of a scripted node; "
            "change it in the graph, or with `set`",
        ),
    ]
    (told_real,) = mistakes(vendors(), real=["llm"], settings={"llm": {"first": "1s"}})
    assert told_real[1].startswith("it is to be real, so it takes no settings")


def test_wrong_settings_are_told_with_their_place() -> None:
    settings: dict[str, Any] = {"llm": {"frist": "1s", "between": "2"}, "tts": {"faults": [{"kind": "explode"}]}}
    with pytest.raises(CannotStandIn) as caught:
        stand_ins(vendors(), settings=settings)
    places = {(mistake.node, *mistake.setting[:1]) for mistake in caught.value.mistakes}
    assert places == {("llm", "frist"), ("llm", "between"), ("tts", "faults")}
    assert "`frist` of its stand-in `scripted.llm`: Unexpected keyword argument" in str(caught.value)


# --- graphs that are shipped ----------------------------------------------------------------------------------------


def shipped(path: str, *sets: str, **options: Any) -> Plan:
    return stand_ins(compile_plan(load(ROOT / path, sets, ready=False)), **options)


def ask(*questions: str) -> Any:
    async def direct(line: SimulatedCall, session: Any) -> None:
        await passing(line, 3.0)  # the greeting
        for question in questions:
            answered = len(session.replies())
            await line.say(question).done()
            while session.speaking() or len(session.replies()) == answered:
                if not await line.tick():
                    return
            await passing(line, 1.0)

    return direct


def replies(done: Done) -> list[str]:
    texts = [reply.heard for reply in done.session.replies() if reply.heard]
    assert texts == [text for reply in done.session.replies() if (text := done.line.heard.text(reply.turn))]
    assert done.line.heard.stale() == []
    assert not done.session.faults
    return texts


def test_the_local_graph_runs_without_its_models() -> None:
    plan = shipped("graphs/local.yaml", says=[{"cue": "weather?", "text": "It is raining, and it will go on raining."}])
    assert "numpy" not in kinds(plan)
    done = directed(plan, ask("What about the weather?"))
    assert replies(done) == ["It is raining, and it will go on raining."]


WITHOUT = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"numpy", "onnxruntime", "ctranslate2", "tokenizers", "xllamacpp", "sanotts"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hidden())

from tests.testing.test_stand_ins import ask, directed, replies, shipped

print(*replies(directed(shipped("graphs/local.yaml", says=[{"text": "It is raining."}]), ask("Is it?"))))
"""


def test_a_graph_runs_where_nothing_of_what_it_needs_is_installed() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("It is raining.", 0), done.stderr


def test_the_front_desk_answers_on_stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    rules = "nodes.llm={use: rules.chat, with: {rules: examples/front_desk.yaml}}"
    done = directed(shipped("graphs/local.yaml", rules), ask("Where can I find you?", "How much is it?"))
    assert replies(done) == [
        "We are at twelve Elm Street, right across from the library. There is parking behind the building.",
        "A check-up is sixty dollars, and we take most insurance plans. Shall I book one for you?",
    ]


def test_of_a_graph_that_needs_nothing_only_who_speaks_and_who_listens_is_replaced() -> None:
    """The script of hello.yaml would go on whatever the caller says."""
    plan = shipped("graphs/hello.yaml")
    assert [name for name, kind in kinds(plan).items() if kind.startswith(("scripted", "simulated"))] == ["line", "stt"]
    done = directed(plan, ask("Do you open on Sundays?"))
    heard = [reply.heard for reply in done.session.replies()]
    assert heard == ["Oak Dental, good morning.", "On Sundays we are closed."]


def test_one_seed_gives_one_conversation_and_another_seed_another() -> None:
    spread: dict[str, Any] = {
        "stt": {"latency": {"p50": "80ms", "p95": "300ms"}},
        "llm": {"first": {"p50": "200ms", "p95": "1s"}},
    }

    def digest(seed: int) -> list[tuple[float, str]]:
        plan = shipped("graphs/local.yaml", says=[{"text": "Yes, of course."}], settings=spread)
        log = directed(plan, ask("Are you there?", "And are you still there?"), seed=seed).log
        return [(at, repr(frame)) for at, (_, frame) in zip(log.times, log.frames, strict=True)]

    assert digest(1) == digest(1)
    assert digest(1) != digest(2)
