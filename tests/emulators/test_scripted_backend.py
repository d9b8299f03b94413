"""The scripted backend: what it hears, says and sounds like."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegraph.emulators.backend import FLUSH, Began, Heard, Paused, Said, Sound, ToolRequest
from voicegraph.emulators.listening import Utterance
from voicegraph.emulators.scripted import Latencies, Script, scripted
from voicegraph.graph import GraphError
from voicegraph.testing import hear, run_virtual, utter
from voicegraph.testing.latency import Spread
from voicegraph.testing.scripted import Says, Tool

RATE = 16_000
AT_ONCE = Latencies(transcript=0, first_token=0, token=0, first_sound=0, sound=0)
HUM = bytes.fromhex("0010" * 160)
"""A hundredth of a second of something loud that carries no words."""


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


def speech(text: str) -> bytes:
    return utter(text, rate=RATE, origin=1)


def heard(script: Script, sound: Sequence[bytes], *, pause: float = 0.3) -> list[Heard]:
    """All that is heard in the pieces of a sound."""

    async def pieces() -> AsyncIterator[bytes]:
        for piece in sound:
            yield piece

    async def listen() -> list[Heard]:
        async with aclosing(scripted(script).hearing.hear(pieces(), RATE, pause=pause)) as stream:
            return [each async for each in stream]

    return asyncio.run(listen())


def finals(everything: Sequence[Heard]) -> list[str]:
    return [each.text for each in everything if isinstance(each, Said) and each.final]


def said(script: Script, *asked: str, tools: Sequence[str] = (), results: Sequence[str] = ()) -> str:
    """The answer to the last of these, and the functions that it calls."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": each} for each in asked]
    messages += [{"role": "tool", "content": each} for each in results]
    offered = [{"type": "function", "function": {"name": name}} for name in tools]

    async def ask() -> str:
        async with aclosing(scripted(script).thinking.answer(messages, offered)) as stream:
            pieces = [
                f" {each.name}{each.arguments}" if isinstance(each, ToolRequest) else each async for each in stream
            ]
        return "".join(pieces)

    return asyncio.run(ask())


def spoken(script: Script, text: str, rate: int = RATE) -> list[Sound]:
    async def speak() -> list[Sound]:
        async with aclosing(scripted(script).speaking.speak(text, rate)) as stream:
            return [each async for each in stream]

    return asyncio.run(speak())


# --- hearing --------------------------------------------------------------------------------------------------------


def test_the_words_in_the_sound_with_their_places() -> None:
    sound = silence(0.5) + speech("Hello there.") + silence(0.5)
    began, *partials, final, paused = heard(Script(latency=AT_ONCE), [sound])
    (hello, _) = hear(sound, RATE)
    assert began == Began(0.5)
    assert isinstance(final, Said)
    assert final.words[0].text == hello.text
    assert final.words[0].start == pytest.approx(hello.start)
    assert (final.text, final.start, final.final) == ("Hello there.", 0.0, True)
    assert all(isinstance(each, Said) and not each.final and final.text.startswith(each.text) for each in partials)
    assert partials
    assert isinstance(paused, Paused)
    assert paused.at == pytest.approx(final.words[-1].end, abs=0.02)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=20))
@settings(max_examples=20, deadline=None)
def test_however_the_sound_is_cut(sizes: list[int]) -> None:
    sound = silence(0.1) + speech("Hello there, you.") + silence(0.6) + speech("And?")
    cuts = [sum(sizes[:n]) for n in range(len(sizes) + 1)] + [len(sound)]
    pieces = [piece for begin, end in pairwise(cuts) if (piece := sound[begin:end])]
    script = Script(latency=AT_ONCE)
    assert heard(script, pieces) == heard(script, [sound])
    assert finals(heard(script, pieces)) == ["Hello there, you.", "And?"]


def test_utterances_in_order_where_the_sound_has_no_words() -> None:
    script = Script(hears=(Utterance(text="One two."), Utterance(text="Three.", done=0.4)), latency=AT_ONCE)
    sound = silence(0.2) + HUM * 100 + silence(0.5) + HUM * 30 + silence(0.5) + HUM * 30
    everything = heard(script, [sound])
    assert finals(everything) == ["One two.", "Three.", "I said something that is in no script."]
    assert [round(each.at, 2) for each in everything if isinstance(each, Began)] == [0.2, 1.7, 2.5]
    assert [(round(each.at, 2), each.done) for each in everything if isinstance(each, Paused)] == [
        (1.2, 1.0),
        (2.0, 0.4),
        (2.8, 1.0),
    ]


def test_a_click_is_no_speech() -> None:
    assert heard(Script(), [silence(0.5) + HUM * 2 + silence(0.5)]) == []


def test_utterances_by_time_whatever_the_sound() -> None:
    hears = (Utterance(text="One two", at=0.5, until=1.5), Utterance(text="three", at=1.6, until=2.0))
    everything = heard(Script(hears=hears, latency=AT_ONCE), [silence(3.0)])
    assert [each for each in everything if not isinstance(each, Said)] == [
        Began(0.5),
        Paused(1.5),
        Began(1.6),
        Paused(2.0),
    ]
    assert finals(everything) == ["One two", "three"]
    words = [word for each in everything if isinstance(each, Said) and each.final for word in each.words]
    assert [(round(word.start, 2), round(word.end, 2)) for word in words] == [(0.5, 1.0), (1.0, 1.5), (1.6, 2.0)]


def test_sound_that_ends_early_has_less_in_it() -> None:
    hears = (Utterance(text="One two", at=0.5, until=1.5), Utterance(text="three", at=1.6, until=2.0))
    assert finals(heard(Script(hears=hears, latency=AT_ONCE), [silence(1.1)])) == ["One"]


def test_a_flush_is_answered_once_with_all_so_far() -> None:
    sound = speech("Hello there.")
    everything = heard(Script(latency=AT_ONCE), [sound, FLUSH, FLUSH, silence(0.5), FLUSH])
    flushed = [each for each in everything if isinstance(each, Said) and each.flushed]
    assert [(each.text, each.final) for each in flushed] == [("Hello there.", True), ("", True), ("", True)]
    assert finals(everything) == ["Hello there.", "", ""]
    assert [each.start for each in flushed[1:]] == [each.end for each in flushed[:-1]]


def test_a_longer_pause_keeps_an_utterance_together() -> None:
    sound = speech("One") + silence(0.4) + speech("two") + silence(1)
    assert finals(heard(Script(latency=AT_ONCE), [sound], pause=0.3)) == ["One", "two"]
    assert finals(heard(Script(latency=AT_ONCE), [sound], pause=0.6)) == ["One two"]


def test_transcripts_take_their_time() -> None:
    async def listen() -> list[tuple[float, Heard]]:
        loop = asyncio.get_running_loop()

        async def sound() -> AsyncIterator[bytes]:
            for piece in (speech("One"), silence(0.5)):
                yield piece
            await asyncio.sleep(9)

        hearing = scripted(Script(latency=Latencies(transcript=0.25))).hearing
        return [(loop.time(), each) async for each in hearing.hear(sound(), RATE)]

    times = [when for when, each in run_virtual(listen()) if isinstance(each, Said) and each.final]
    assert times == [pytest.approx(0.25)]


def test_what_breaks_the_sound_breaks_the_hearing() -> None:
    async def sound() -> AsyncIterator[bytes]:
        yield b""
        raise ZeroDivisionError

    async def listen() -> None:
        async for _ in scripted().hearing.hear(sound(), RATE):
            pass

    with pytest.raises(ZeroDivisionError):
        asyncio.run(listen())


def test_leaving_early_leaves_the_sound() -> None:
    left: list[str] = []

    async def sound() -> AsyncIterator[bytes]:
        try:
            yield speech("Hello there.")
            await asyncio.Event().wait()
        finally:
            left.append("sound")

    async def listen() -> None:
        async with aclosing(scripted(Script(latency=AT_ONCE)).hearing.hear(sound(), RATE)) as stream:
            async for _ in stream:
                break

    asyncio.run(listen())
    assert left == ["sound"]


# --- thinking -------------------------------------------------------------------------------------------------------

LINES = (
    Says(cue="opening hours", text="Nine to five."),
    Says(text="First."),
    Says(text="Second."),
    Says(cue="book it", tool=Tool(name="book", arguments={"day": "Monday"}, then="Done: {result}.")),
)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (["What are your opening hours?"], "Nine to five."),
        (["Hi"], "First."),
        (["Hi", "Well?"], "Second."),
        (["Hi", "Opening hours!", "Well?"], "Second."),
        (["Hi", "Well?", "And?"], "Second."),
        (["Opening hours", "Opening hours"], "First."),
        ([], "You said: "),
    ],
)
def test_lines_by_cue_and_in_order(asked: list[str], answer: str) -> None:
    assert said(Script(says=LINES, latency=AT_ONCE), *asked) == answer


def test_what_no_line_is_for() -> None:
    assert said(Script(latency=AT_ONCE), "Are you there?") == "You said: Are you there?"
    assert said(Script(otherwise="What?", says=(Says(cue="a", text="b"),), latency=AT_ONCE), "Hi") == "What?"


def test_a_function_is_called_and_its_result_told() -> None:
    script = Script(says=LINES[3:], latency=AT_ONCE)
    assert said(script, "Book it.", tools=["book"]) == ' book{"day":"Monday"}'
    assert said(script, "Book it.", tools=["book"], results=["on Monday", "at nine"]) == "Done: on Monday, at nine."
    assert said(script, "Book it.", tools=["other"]) == "You said: Book it."


def test_content_in_parts() -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "Are"}, {"type": "text", "text": "you?"}]}]

    async def ask() -> list[str | ToolRequest]:
        return [each async for each in scripted(Script(latency=AT_ONCE)).thinking.answer(messages)]

    assert asyncio.run(ask()) == ["You", " said:", " Are", " you?"]


def test_the_same_seed_the_same_times() -> None:
    spread = Spread(p50=0.1, p95=0.3)

    async def times(seed: int) -> list[float]:
        loop, start = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        latency = Latencies(first_token=spread, token=spread)
        thinking = scripted(Script(seed=seed, otherwise="one two three four", latency=latency)).thinking
        messages = [{"role": "user", "content": "Hi"}]
        return [loop.time() - start async for _ in thinking.answer(messages)]

    first, again, other = (run_virtual(times(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert first == sorted(first)


# --- speaking -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("voice", ["tone", "words"])
@pytest.mark.parametrize("rate", [8_000, 24_000])
def test_each_word_is_in_the_piece_in_which_it_begins(voice: Any, rate: int) -> None:
    sounds = spoken(Script(voice=voice, latency=AT_ONCE), "Hello there, you extraordinary caller!", rate)
    words = [word for sound in sounds for word in sound.words]
    assert [word.text for word in words] == ["Hello", "there,", "you", "extraordinary", "caller!"]
    assert all(before.end == pytest.approx(after.start) for before, after in pairwise(words))
    at = 0  # in samples
    for sound in sounds:
        assert all(at <= round(word.start * rate) < at + len(sound.pcm) // 2 for word in sound.words)
        at += len(sound.pcm) // 2
        assert len(sound.pcm) // 2 <= rate // 10
    assert round(words[-1].end * rate) == at


def test_a_voice_that_carries_its_words() -> None:
    pcm = b"".join(sound.pcm for sound in spoken(Script(voice="words", latency=AT_ONCE), "Hello there."))
    assert [word.text for word in hear(pcm, RATE)] == ["Hello", "there."]


def test_nothing_to_say() -> None:
    assert spoken(Script(), " ") == []


# --- the file -------------------------------------------------------------------------------------------------------

FILE = """\
seed: 3
hears:
  - {at: 1s, until: 2s, text: "When do you open?", done: 0.5}
says:
  - {cue: "you open", text: "At nine."}
  - {cue: "book it", tool: {name: book, arguments: {day: Monday}, then: "Booked."}}
otherwise: "Pardon?"
voice: words
latency: {transcript: 100ms, first_token: {p50: 200ms, p95: 500ms}}
"""


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "script.yaml"
    file.write_text(FILE)
    backend = scripted(file)

    async def ask() -> str:
        messages = [{"role": "user", "content": "When do you open?"}]
        return "".join([str(each) async for each in backend.thinking.answer(messages)])

    assert run_virtual(ask()) == "At nine."


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("latency: {first_tokn: 3ms}", "1:11", "`latency.first_tokn`"),
        ("latency: {token: 3}", "1:18", "a duration needs its unit"),
        ("hears: [{text: a, at: 1s}]", "1:9", "both `at` and `until`"),
        ("hears: [{text: a, at: 1s, until: 1s}]", "1:9", "an utterance ends after it begins"),
        ("hears: [a, {text: b, at: 1s, until: 2s}]", "1:1", "either all of `hears` have a time, or none"),
        ("hears: [{text: a, at: 1s, until: 3s}, {text: b, at: 2s, until: 4s}]", "1:1", "in their order"),
        ("voice: loud", "1:8", "'tone' or 'words'"),
        ("- a", "1:1", "the file is no mapping"),
    ],
)
def test_a_mistake_in_a_file_is_told_at_its_place(tmp_path: Path, text: str, place: str, words: str) -> None:
    file = tmp_path / "script.yaml"
    file.write_text(text)
    with pytest.raises(GraphError) as caught:
        scripted(file)
    told = [each for each in caught.value.diagnostics if words in each.message]
    assert [f"{each.span.line}:{each.span.column}" for each in told if each.span] == [place]
