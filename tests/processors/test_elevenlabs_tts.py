"""The node elevenlabs.tts: in a call of its own, with the emulator behind it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from itertools import accumulate
from typing import Any, cast

import pytest
from loguru import logger

from tests.emulators.elevenlabs_server import AT_ONCE, Emulated, Gate, emulated
from tests.engine.calls import ScriptedLine, TestLine, plan, run
from tests.processors.elevenlabs_talk import interrupted, said, speak, speaker
from voicegraph import Interrupt, Sentence, SpeechStarted, SpeechStopped, TTSAudio, UserTurn, node
from voicegraph.emulators.faults import After, Close, Drop, HungClose, UnknownMessage
from voicegraph.emulators.scripted import Latencies
from voicegraph.engine.heard import Heard
from voicegraph.errors import ProviderError
from voicegraph.frames import Frame
from voicegraph.processors.elevenlabs_tts import ElevenLabsTTS
from voicegraph.providers import elevenlabs_connection, elevenlabs_contexts
from voicegraph.providers.elevenlabs_contexts import Socket
from voicegraph.testing import hear, run_node

REPLY = ("Hello there, my friend.", "How are you?")
WORDS = [word for sentence in REPLY for word in sentence.split()]


def sound_of(frames: list[Any]) -> bytes:
    return b"".join(frame.pcm for frame in frames)


def heard_in(frames: list[Any], rate: int = 16_000) -> list[str]:
    return [word.text for word in hear(sound_of(frames), rate)]


def spoken(*texts: str, **config: Any) -> list[TTSAudio]:
    frames: list[Frame] = run_node(ElevenLabsTTS, *map(Sentence, texts), with_=config)
    return cast("list[TTSAudio]", frames)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100])
def test_each_word_stands_where_its_sound_begins(rate: int) -> None:
    with emulated(voice="words"):
        frames = spoken(*REPLY, rate=rate)
    begins = [0, *accumulate(len(frame.pcm) // 2 for frame in frames)]
    told = [(begin / rate, frame.text) for begin, frame in zip(begins, frames, strict=False) if frame.text]
    assert [text for _, text in told] == WORDS
    assert [at for at, _ in told] == pytest.approx([word.start for word in hear(sound_of(frames), rate)], abs=0.0011)
    assert {frame.rate for frame in frames} == {rate}
    assert max(frame.seconds for frame in frames) <= 0.08 + 1 / rate


def test_the_ledger_knows_to_the_word_what_was_heard() -> None:
    with emulated(voice="words"):
        frames = spoken(*REPLY)
    ledger, at = Heard(), 0.0
    ledger.begun(1)
    begins: list[float] = []
    for frame in frames:
        begins += [at] if frame.text else []
        at += frame.seconds
        ledger.queued(TTSAudio(frame.pcm, frame.rate, frame.text, turn=1))
    ledger.ended(1)
    for count, end in enumerate([*begins[1:], at], start=1):
        ledger.played(1, end - 0.01)
        assert ledger.reply(1).heard.split() == WORDS[: count - 1]
        ledger.played(1, end)
        assert ledger.reply(1).heard.split() == WORDS[:count]


def test_sound_comes_before_all_of_it_is_made() -> None:
    gate = Gate()

    async def scene() -> tuple[str, list[str]]:
        async with speaker() as node:
            sound = speak(node, *REPLY)
            first = await anext(sound)
            gate.open()
            return first.text, [audio.text async for audio in sound if audio.text]

    with emulated(speaking=gate):
        assert asyncio.run(scene()) == ("Hello", WORDS[1:])


def test_a_name_is_looked_up_once_in_a_process() -> None:
    async def three_calls() -> None:
        for voice in ("Rachel", "sarah", "George - Warm, Captivating Storyteller"):
            async with speaker(voice=voice) as node:
                assert await said(node, "Hi.")

    with emulated() as server:
        asyncio.run(three_calls())
        paths = [each.path for each in server.emulators.exchanges]
    assert paths.count("/v1/voices") == 1
    assert [path.split("/")[3] for path in paths if path.endswith("input")] == [
        "21m00Tcm4TlvDq8ikWAM",
        "EXAVITQu4vr4xnSDxMaL",
        "JBFqnCBsd6RMkjVDRZzb",
    ]


def test_the_connection_is_open_before_the_first_sentence_and_lasts() -> None:
    async def scene(server: Emulated) -> None:
        async with speaker() as node:
            while not server.sockets:  # noqa: ASYNC110 - they are another thread's
                await asyncio.sleep(0)
            for _ in range(10):
                assert len(await said(node, *REPLY)) > len(WORDS)

    with emulated() as server:
        asyncio.run(scene(server))
        assert len(server.sockets) == 1
        assert server.next_ended().closed == 1000


# --- interrupts -------------------------------------------------------------------------------------------------------


def test_sound_that_comes_late_is_nobody_s() -> None:
    gate = Gate()

    async def scene() -> list[TTSAudio]:
        async with speaker() as node:
            await interrupted(node, "One two three four five six seven eight nine ten.", heard=2)
            reply = asyncio.create_task(said(node, "Eleven."))
            gate.open()
            return await reply

    with emulated(speaking=gate) as server:
        frames = asyncio.run(scene())
        assert len(server.sockets) == 1
    assert sound_of(frames) == b"\1\0" * 1600
    assert [frame.text for frame in frames if frame.text] == ["Eleven."]


@node("test.elevenlabs.boss")
def boss(frame: SpeechStarted | SpeechStopped) -> Iterator[UserTurn | Interrupt]:
    """Speech interrupts; its end is a turn."""
    yield Interrupt() if isinstance(frame, SpeechStarted) else UserTurn(f"{frame.at:g}")


@node("test.talker")
class Talker:
    """Answers with two sentences, each with the number of the turn."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Sentence]:
        yield Sentence(f"This is answer {turn.text} and it goes on for quite a while.")
        yield Sentence(f"There is more of {turn.text}, too.")


@node("test.hasty_line", line=True, live=False)
class HastyLine(ScriptedLine):
    """Hears everything at once."""

    async def play(self, audio: TTSAudio) -> None:
        await TestLine.play(self, audio)


BARGE_INS = 50
LAST = "This is answer 99 and it goes on for quite a while. There is more of 99, too."


@pytest.mark.parametrize(
    ("pause", "latency"),
    [
        (0.0, AT_ONCE),
        (0.01, AT_ONCE),
        (0.01, Latencies(first_sound=0.02, sound=0.01)),  # contexts that are closed keep their places for a while
    ],
)
def test_fifty_rapid_barge_ins_leak_no_context(pause: float, latency: Latencies) -> None:
    """The emulator closes with 1008 on a sixth context, as the vendor does."""
    script: list[Any] = []
    for number in range(BARGE_INS):
        script += [SpeechStopped(at=float(number)), pause, SpeechStarted(at=float(number))]
    made = plan(
        {"line": HastyLine, "boss": boss, "talker": Talker, "tts": ElevenLabsTTS},
        "line -> boss -> talker -> tts -> line",
        config={"line": {"script": [*script, SpeechStopped(at=99.0)]}},
    )
    with emulated(latency=latency, voice="words") as server:
        session, log = run(made)
        ended = [server.next_ended() for _ in server.sockets]
    assert not session.faults
    last = [audio for audio in log.of(TTSAudio) if audio.turn == BARGE_INS + 1]
    assert heard_in(last) == LAST.split()
    assert {(each.status, each.closed) for each in ended} == {(101, 1000)}, "none was closed by the emulator"


def test_places_are_given_back() -> None:
    async def scene() -> int:
        async with speaker() as node:
            for _ in range(BARGE_INS):
                await interrupted(node, "Hi.", heard=1)
                await said(node, "Hi.")
            return node.unknown

    with emulated() as server:
        assert asyncio.run(scene()) == 0
        assert len(server.sockets) == 1


def test_nothing_is_left_behind_by_a_call() -> None:
    async def scene() -> int:
        before = len(asyncio.all_tasks())
        async with speaker() as node:
            for _ in range(8):
                await interrupted(node, *REPLY, heard=1)
            await interrupted(node, *REPLY)
        return len(asyncio.all_tasks()) - before

    with emulated(speaking=Gate()):
        assert asyncio.run(scene()) == 0
        gc.collect()  # what was not closed says so, which is an error here


# --- connections that are lost ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lasting", [10.0, 0.0])
def test_a_connection_that_was_lost_between_replies_is_made_again(
    lasting: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once if it lasted, else when it is needed."""
    monkeypatch.setattr(elevenlabs_connection, "LASTING", lasting)

    async def scene(server: Emulated) -> list[list[str]]:
        async with speaker() as node:
            first = await said(node, *REPLY)
            await lost.wait()
            if not lasting:
                while len(server.sockets) < 2:  # noqa: ASYNC110 - they are another thread's
                    await asyncio.sleep(0)
            return [heard_in(first), heard_in(await said(node, *REPLY))]

    lost = losses(monkeypatch)
    with emulated(Close(after=After(time=0.2)), voice="words") as server:
        assert asyncio.run(scene(server)) == [WORDS, WORDS]
        assert len(server.sockets) == 2


def losses(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set once a connection was lost."""
    lost, fail = asyncio.Event(), Socket.fail

    def tell(socket: Socket, why: ProviderError) -> None:
        fail(socket, why)
        lost.set()

    monkeypatch.setattr(Socket, "fail", tell)
    return lost


def test_silence_of_the_agent_does_not_end_its_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elevenlabs_connection, "INACTIVITY", 0.05)

    async def scene() -> list[str]:
        async with speaker() as node:
            await lost.wait()
            return heard_in(await said(node, *REPLY))

    lost = losses(monkeypatch)
    with emulated(voice="words"):
        assert asyncio.run(scene()) == WORDS


async def gather(sound: AsyncIterator[TTSAudio], frames: list[TTSAudio]) -> None:
    """All that comes, also if it ends in an error."""
    async for audio in sound:
        frames.append(audio)  # noqa: PERF401 - see above


@pytest.mark.parametrize("how", ["rst", "fin"])
def test_a_death_in_mid_reply_is_told_and_the_next_reply_is_spoken(how: Any) -> None:
    async def scene() -> tuple[list[str], ProviderError, list[str]]:
        frames: list[TTSAudio] = []
        async with speaker() as node:
            with pytest.raises(ProviderError, match=r"the connection to 127.0.0.1:\d+ broke$") as told:
                await gather(speak(node, *REPLY), frames)
            return heard_in(frames), told.value, heard_in(await said(node, *REPLY))

    with emulated(Drop(after=After(words=3), how=how), voice="words"):
        before, error, after = asyncio.run(scene())
    assert before == WORDS[: len(before)]
    assert len(before) >= (2 if how == "fin" else 0), "what a reset overtakes is lost"
    assert error.retryable
    assert after == WORDS


def test_a_close_that_hangs_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elevenlabs_connection, "CLOSING", 0.01)

    async def scene() -> list[str]:
        async with speaker() as node:
            return heard_in(await said(node, *REPLY))

    with emulated(HungClose(), voice="words"):
        assert asyncio.run(scene()) == WORDS


def test_what_nobody_has_heard_of_is_counted_and_told_in_the_end() -> None:
    told: list[str] = []
    sink = logger.add(lambda message: told.append(message.record["message"]))

    async def scene() -> tuple[list[str], int]:
        async with speaker() as node:
            return heard_in(await said(node, *REPLY)), node.unknown

    with emulated(UnknownMessage(after=After(messages=2)), voice="words"):
        assert asyncio.run(scene()) == (WORDS, 1)
    logger.remove(sink)
    assert told == ["ElevenLabs: left out 1 message in this call, broken or unknown"]


def test_a_context_that_is_never_let_go_of_costs_no_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection whose places are all taken gives way to another."""
    monkeypatch.setattr(elevenlabs_contexts, "MOST", 2)

    async def scene() -> list[str]:
        async with speaker() as node:
            for _ in range(5):
                await interrupted(node, *REPLY, heard=1)
            gate.opened.set()
            return [audio.text for audio in await said(node, "Last.") if audio.text]

    gate = Gate()
    with emulated(speaking=gate) as server:
        assert asyncio.run(scene()) == ["Last."]
        assert len(server.sockets) > 2
