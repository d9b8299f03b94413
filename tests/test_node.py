"""What makes a node, and what is told to an author whose class or function cannot be one."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from loguru import logger

from voicegraph import (
    Audio,
    Call,
    Duration,
    End,
    Frame,
    Interrupt,
    Rate,
    Sentence,
    Token,
    Transcript,
    TTSAudio,
    UserTurn,
    node,
    shared,
    this_call,
)
from voicegraph.durations import format_duration, parse_duration
from voicegraph.errors import BrokenNodeType, NodeDefinitionError, UnknownNodeType
from voicegraph.frames import FRAME_TYPES
from voicegraph.node import lookup, node_type, node_types
from voicegraph.ports import Form, Style


@node("test.node.full", extra="some", packages=("no_such_package", "json"), env=("KEY",))
class Full:
    """Has one of everything.

    And says more.
    """

    rate: int = 8000
    gap: Duration = 0.5
    words: list[str] | None = None
    call: Call = this_call()

    def on_words(self, frame: Transcript | Token) -> Iterator[Sentence]:
        yield Sentence(frame.text)

    async def on_audio(self, audio: Annotated[Audio, Rate(16_000)]) -> UserTurn | Interrupt | None:
        return None

    async def speak(self, sentences: AsyncIterator[Sentence]) -> AsyncIterator[Annotated[TTSAudio, Rate("rate")]]:
        async for _ in sentences:
            yield TTSAudio(b"")

    async def tick(self) -> AsyncIterator[Transcript]:
        yield Transcript("tick")

    def models(self) -> list[str]:
        return []

    def helper(self, text: str) -> str:
        return text


def test_ports_come_from_annotations() -> None:
    handlers = {handler.name: handler for handler in node_type(Full).handlers}
    assert set(handlers) == {"on_words", "on_audio", "speak", "tick"}
    assert handlers["on_words"].takes == (Transcript, Token)
    assert handlers["on_words"].style is Style.GENERATOR
    assert handlers["on_words"].inline
    assert handlers["on_audio"].takes_rate == Rate(16_000)
    assert handlers["on_audio"].gives == (UserTurn, Interrupt)
    assert handlers["speak"].form is Form.STREAM
    assert handlers["speak"].gives_rate == Rate("rate")
    assert handlers["tick"].form is Form.SOURCE
    assert node_type(Full).takes == {Transcript, Token, Audio, Sentence}


def test_configuration_comes_from_fields() -> None:
    kind = node_type(Full)
    made = kind.configure({"gap": "250ms", "words": ["a"]})
    assert (made.rate, made.gap, made.words) == (8000, 0.25, ["a"])
    assert [field.name for field in kind.fields] == ["rate", "gap", "words"]
    assert set(kind.adapter.json_schema()["properties"]) == {"rate", "gap", "words"}


def test_every_configuration_mistake_is_told() -> None:
    with pytest.raises(ValueError, match="3 validation errors") as caught:
        node_type(Full).configure({"rate": "fast", "gap": 3, "colour": "red"})
    assert "write 3ms or 3s" in str(caught.value)


def test_a_function_has_no_configuration() -> None:
    @node("test.node.function")
    def function(frame: Transcript) -> None:
        """Does nothing."""

    assert node_type(function).configure({}) is function
    with pytest.raises(ValueError, match="colour"):
        node_type(function).configure({"colour": "red"})


def test_what_is_missing_is_found_without_importing() -> None:
    assert node_type(Full).missing_packages() == ("no_such_package",)
    assert node_type(Full).doc == "Has one of everything.\n\nAnd says more."


def test_a_family_of_frames_is_all_of_its_members() -> None:
    @node("test.node.all")
    def everything(frame: Frame) -> None:
        """Takes all that flows along wires."""

    assert node_type(everything).takes == {t for t in FRAME_TYPES.values() if t.side != "control"}


def test_a_subclass_has_the_fields_and_handlers_of_its_base() -> None:
    @node("test.node.base")
    class Base:
        size: int = 1

        def on_text(self, frame: Transcript) -> Sentence:
            return Sentence(frame.text * self.size)

    @node("test.node.derived")
    class Derived(Base):
        colour: str = "red"

        def on_token(self, frame: Token) -> Sentence:
            return Sentence(self.colour)

    assert [field.name for field in node_type(Derived).fields] == ["size", "colour"]
    assert node_type(Derived).takes == {Transcript, Token}
    assert node_type(Base).takes == {Transcript}


def no_annotation(frame: Any) -> None:
    """Says nothing of what it takes."""


def wrong_return(frame: Transcript) -> str:
    return frame.text


def two_arguments(frame: Transcript, other: Token) -> None: ...


def sync_stream(frames: AsyncIterator[Token]) -> None: ...


def takes_control(frame: End) -> None: ...


def gives_control(frame: Transcript) -> End:
    return End()


def no_yield(frame: Transcript) -> Iterator[Token]:
    return iter(())


def two_rates(frame: Annotated[Audio, Rate(8000)] | Annotated[TTSAudio, Rate(16_000)]) -> None: ...


def rate_of_text(frame: Annotated[Transcript, Rate(8000)]) -> None: ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_annotation, "has no handler. Annotate what it takes"),
        (wrong_return, "returns str, which is no frame"),
        (two_arguments, "takes one argument"),
        (sync_stream, "must be `async def`"),
        (takes_control, "End is the engine's"),
        (gives_control, "End is the engine's"),
        (no_yield, "has no `yield`"),
        (two_rates, "two sample rates"),
        (rate_of_text, "a Rate goes with Audio or TTSAudio only"),
        (3, "goes above a function or a class, not 3"),
    ],
)
def test_what_cannot_be_a_node_is_told_at_import(function: Any, message: str) -> None:
    with pytest.raises(NodeDefinitionError, match=message):
        node("test.node.wrong")(function)


def test_two_handlers_for_one_type_are_refused() -> None:
    with pytest.raises(NodeDefinitionError, match="both first and second take Token"):

        @node("test.node.twice")
        class Twice:
            def first(self, frame: Token) -> None: ...
            def second(self, frame: Token | Sentence) -> None: ...


def test_a_line_that_is_none_is_told_what_it_lacks() -> None:
    with pytest.raises(NodeDefinitionError, match=r"lacks a handler that takes TTSAudio, `clear"):

        @node("test.node.no_line", line=True)
        class NoLine:
            async def listen(self) -> AsyncIterator[Audio]:
                yield Audio(b"")


def test_who_answers_the_caller_does_so_one_answer_at_a_time() -> None:
    with pytest.raises(NodeDefinitionError, match=r"on_text answers the caller, one answer at a time"):

        @node("test.node.two_answers", concurrency=2)
        class TwoAnswers:
            async def on_text(self, frame: Transcript) -> Sentence: ...  # type: ignore[empty-body]


def test_a_line_that_can_pause_can_go_on() -> None:
    with pytest.raises(NodeDefinitionError, match=r"lacks `resume\(self\) -> None` to its `pause`"):

        @node("test.node.mute_line", line=True)
        class MuteLine:
            async def listen(self) -> AsyncIterator[Audio]:
                yield Audio(b"")

            async def play(self, audio: TTSAudio) -> None: ...
            def clear(self) -> None: ...
            def pause(self) -> None: ...
            async def drain(self) -> None: ...


def test_a_line_that_takes_its_audio_as_a_stream_is_refused() -> None:
    with pytest.raises(NodeDefinitionError, match=r"one frame at a time: `async def play\(self, audio: TTSAudio\)"):

        @node("test.node.stream_line", line=True)
        class StreamLine:
            async def listen(self) -> AsyncIterator[Audio]:
                yield Audio(b"")

            async def play(self, audio: AsyncIterator[TTSAudio]) -> None: ...
            def clear(self) -> None: ...
            async def drain(self) -> None: ...


def test_a_line_is_live_unless_it_says_otherwise() -> None:
    from voicegraph.transports.file import FileCall
    from voicegraph.transports.local import LocalCall

    assert node_type(LocalCall).live
    assert not node_type(FileCall).live


def in_module(module: str, function: Callable[..., None]) -> Callable[..., None]:
    """The same function as if it stood in another module."""
    other = types.FunctionType(function.__code__, function.__globals__, function.__name__)
    other.__annotations__, other.__module__ = function.__annotations__, module
    return other


def takes_token(frame: Token) -> None: ...


def test_a_name_defined_twice_names_both_modules() -> None:
    node("test.node.name")(in_module("first_module", takes_token))
    node("test.node.name")(in_module("first_module", takes_token))  # reloaded: the same thing again
    with pytest.raises(NodeDefinitionError, match="is defined twice: by first_module and by second_"):
        node("test.node.name")(in_module("second_module", takes_token))


def test_an_unknown_name_has_a_near_one() -> None:
    with pytest.raises(UnknownNodeType, match=r"no node type `test\.node\.fulll`; did you mean `test\.node\.full`\?"):
        lookup("test.node.fulll")
    with pytest.raises(UnknownNodeType) as caught:
        lookup("zzzzzzzzzzzzz")
    assert caught.value.near is None


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Installs a package: its name, its module's text, and the node types that it offers."""
    modules: list[str] = []

    def add(package: str, text: str, *offers: str) -> None:
        folder = tmp_path / package
        info = folder / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (folder / f"{package}_nodes.py").write_text(f"from voicegraph import Token, node\n{text}")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = "".join(f"{offer} = {package}_nodes\n" for offer in offers)
        (info / "entry_points.txt").write_text(f"[voicegraph.nodes]\n{lines}")
        monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
        modules.append(f"{package}_nodes")

    yield add
    for module in modules:
        sys.modules.pop(module, None)


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    """What is logged as a warning."""
    told: list[str] = []
    sink = logger.add(lambda message: told.append(message.record["message"]), level="WARNING")
    yield told
    logger.remove(sink)


def define(name: str) -> str:
    return f'@node("{name}")\ndef vendor(frame: Token) -> None:\n    "From a package."\n'


def test_types_of_installed_packages_are_found_by_entry_point(
    install: Callable[..., None], warnings: list[str]
) -> None:
    install("vendor", define("vendor.node"), "vendor.node")
    assert lookup("vendor.node").doc == "From a package."
    assert "vendor.node" in node_types()
    assert warnings == []


def test_an_entry_point_that_defines_something_else_is_told(install: Callable[..., None]) -> None:
    install("stale", define("stale.new"), "stale.old")
    says = "^the package stale 1.0, which offers `stale.old`, does not define it: its entry point is `stale_nodes`$"
    with pytest.raises(BrokenNodeType, match=says):
        lookup("stale.old")


@pytest.mark.parametrize("fault", ["raise OSError('no device')", "raise SystemExit('no device')"])
def test_a_broken_package_is_named_and_hurts_no_other(
    fault: str, install: Callable[..., None], warnings: list[str]
) -> None:
    install("brittle", fault, "brittle.node")
    install("sound", define("sound.node"), "sound.node")
    with pytest.raises(BrokenNodeType, match=r"brittle 1\.0, .* cannot be imported: \w+: no device") as caught:
        lookup("brittle.node")
    assert caught.value.package == "brittle 1.0"
    found = node_types()
    assert "sound.node" in found
    assert "brittle.node" not in found
    assert [warning for warning in warnings if "brittle" in warning] == [f"left out: {caught.value}"]


def test_two_packages_that_offer_one_name_are_named(install: Callable[..., None], warnings: list[str]) -> None:
    install("first", define("rivals.node"), "rivals.node")
    install("second", define("rivals.node"), "rivals.node")
    with pytest.raises(NodeDefinitionError, match=r"by the package second 1\.0 and by the package first 1\.0"):
        lookup("rivals.node")
    assert "rivals.node" not in node_types()
    assert "rivals.node" in "".join(warnings)


def test_a_package_that_takes_the_name_of_a_built_in_is_named(
    install: Callable[..., None], warnings: list[str]
) -> None:
    from voicegraph.transports.file import FileCall

    install("shadow", define("file.call"), "file.call")
    with pytest.raises(
        NodeDefinitionError, match=r"shadow 1\.0, .* by voicegraph\.transports\.file and by shadow_nodes"
    ):
        lookup("file.call")
    assert node_types()["file.call"] is node_type(FileCall)
    assert "shadow 1.0" in "".join(warnings)


@pytest.mark.parametrize(("text", "seconds"), [("250ms", 0.25), ("2s", 2.0), ("1.5m", 90.0), ("1h", 3600.0)])
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize("wrong", ["", "5", "ms", "5 s", "-5s", "5d", "1e3s", 5, 5.0, None, True])
def test_a_duration_without_its_unit_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="unit"):
        parse_duration(wrong)


def test_shared_things_are_made_once() -> None:
    made: list[int] = []
    ready = threading.Barrier(4)

    def make() -> int:
        made.append(1)
        return len(made)

    def use() -> None:
        ready.wait()
        shared(("test", "once"), make)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shared(("test", "once"), make) == 1


def test_a_failure_to_make_is_not_kept() -> None:
    def fail() -> int:
        raise OSError("not now")

    with pytest.raises(OSError, match="not now"):
        shared(("test", "fails"), fail)
    assert shared(("test", "fails"), lambda: 5) == 5
