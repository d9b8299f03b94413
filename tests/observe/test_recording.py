"""What is kept of a call: where its sound is, whose words there are, and what is left of it after a crash."""

from __future__ import annotations

import asyncio
import json
import wave
from array import array
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegraph import Audio, Call, Dtmf, Interrupt, Rate, Reply, Sentence, Transcript, TTSAudio, node, this_call
from voicegraph.audio.wav import read_wav, write_wav
from voicegraph.engine.jumping import JumpingLoop
from voicegraph.engine.session import Session
from voicegraph.errors import VoicegraphError
from voicegraph.graph import Plan, compile_plan, loads
from voicegraph.observe.recording import Recording, prepare
from voicegraph.observe.tracks import Heard, Track, stereo

RATE = 8_000


@node("kept.words")
class Words:
    """At these seconds of the caller's sound: words, a key, an interrupt."""

    interrupt: float = 9.0
    must: bool = False
    call: Call = this_call()

    async def listen(
        self, frames: AsyncIterator[Annotated[Audio, Rate(RATE)]]
    ) -> AsyncIterator[Transcript | Dtmf | Interrupt | Sentence]:
        said = False
        async for audio in frames:
            if audio.at >= 0.5 and not said:
                said = True
                yield Transcript("good morning", start=0.2, end=0.5)
                yield Transcript("a guess", final=False)
                yield Dtmf("7")
                yield Sentence("one two three four five six", interruptible=not self.must)
            if self.interrupt <= audio.at < self.interrupt + 0.02:
                yield Interrupt()


def plan_of(folder: Path, agent: str = "", seconds: float = 3.0, **words: object) -> Plan:
    """A caller who is a tone. agent: settings of the voice."""
    tone = array("h", [3_000 if n % 20 < 10 else -3_000 for n in range(round(seconds * RATE))])
    write_wav(folder / "caller.wav", tone.tobytes(), RATE)
    settings = json.dumps(
        {"input": str(folder / "caller.wav"), "output": str(folder / "agent.wav"), "rate": RATE, "tail": "100ms"}
    )
    return compile_plan(
        loads(
            f"nodes:\n  line: {{use: file.call, with: {settings}}}\n"
            f"  words: {{use: kept.words, with: {json.dumps(words)}}}\n"
            f"  tts: {{use: tone.tts, with: {{{agent}}}}}\n"
            "flow: line -> words -> tts -> line\n"
        )
    )


def kept(folder: Path, plan: Plan) -> tuple[bytes, bytes, list[dict[str, Any]], int]:
    """Runs a call. Returns both sides of its recording, its transcript, and its rate."""

    async def call() -> None:
        async with Recording(folder / "call", plan, lambda turn: session.reply(turn)) as recording:
            session = Session(plan, observers=(recording,))
            await session.run()

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(call())
    left, right, rate = sides(folder / "call.wav")
    return left, right, transcript(folder), rate


def sides(path: Path) -> tuple[bytes, bytes, int]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        both = array("h", file.readframes(file.getnframes()))
        return both[0::2].tobytes(), both[1::2].tobytes(), file.getframerate()


def transcript(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "call.jsonl").read_text().splitlines()]


def sound_of(pcm: bytes) -> tuple[int, int]:
    """Samples before the first that is no silence, and from there to the last."""
    loud = [index for index, sample in enumerate(array("h", pcm)) if abs(sample) > 50]
    return loud[0], loud[-1] - loud[0] + 1


@pytest.mark.parametrize("words", [{}, {"interrupt": 1.5}, {"interrupt": 1.5, "must": True}])
def test_both_sides_are_as_the_line_heard_them(tmp_path: Path, words: dict[str, Any]) -> None:
    left, right, _, rate = kept(tmp_path, plan_of(tmp_path, **words))
    assert rate == RATE
    caller = read_wav(tmp_path / "caller.wav", RATE)
    assert left[: len(caller)] == caller
    assert not any(left[len(caller) :])
    mine, lines = sound_of(right), sound_of(read_wav(tmp_path / "agent.wav", RATE))
    assert abs(mine[0] - lines[0]) <= 0.02 * RATE, "reports come every 20 ms"
    assert abs(mine[1] - lines[1]) <= 2


def test_a_voice_of_another_rate(tmp_path: Path) -> None:
    left, right, _, rate = kept(tmp_path, plan_of(tmp_path, "rate: 24000"))
    assert rate == RATE
    assert abs(sound_of(right)[1] - sound_of(read_wav(tmp_path / "agent.wav", RATE))[1]) <= 2
    assert len(left) == len(right)


def test_the_transcript(tmp_path: Path) -> None:
    _, right, lines, _ = kept(tmp_path, plan_of(tmp_path, interrupt=1.5))
    head, *events = lines
    assert head["audio"] == "call.wav"
    assert [each for each in events if each["who"] == "caller"] == [
        {"at": 0.2, "end": 0.5, "who": "caller", "text": "good morning"},
        {"at": pytest.approx(0.52, abs=0.03), "who": "caller", "key": "7"},
    ]
    *growing, last = [each for each in events if each["who"] == "agent"]
    texts = [each["text"] for each in growing]
    assert texts == sorted(texts, key=len)
    assert last["over"]
    assert last["interrupted"]
    assert last["said"] == "one two three four five six"
    assert last["said"].startswith(last["text"])
    assert last["text"] not in ("", last["said"])
    assert last["at"] == pytest.approx(sound_of(right)[0] / RATE, abs=0.05)
    assert last["end"] == pytest.approx(1.5, abs=0.05)


def test_all_but_the_last_second_is_there_whenever_the_process_dies(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, seconds=1.5)
    seen: list[tuple[float, float]] = []

    class Looker:
        """Looks at the files while the call is on."""

        def given(self, node: str, frame: object) -> None:
            now = asyncio.get_running_loop().time()
            if isinstance(frame, Audio) and frame.at > 0.8 and (not seen or now - seen[-1][0] > 0.2):
                written = sides(tmp_path / "call.wav")[0]
                seen.append((now, frame.at - len(written) / (2 * RATE)))

        def played(self, turn: int, seconds: float) -> None: ...

    async def call() -> None:
        async with Recording(tmp_path / "call", plan, lambda turn: session.reply(turn)) as recording:
            session = Session(plan, observers=(recording, Looker()))
            await session.run()

    asyncio.run(call())
    assert len(seen) > 2
    assert max(missing for _, missing in seen) < 1.0
    assert '"good morning"' in (tmp_path / "call.jsonl").read_text()


def test_a_disk_that_fails_ends_no_call(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)

    async def call() -> None:
        async with Recording(tmp_path / "no" / "folder", plan, lambda turn: session.reply(turn)) as recording:
            session = Session(plan, observers=(recording,))
            await session.run()

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(call())
    assert (tmp_path / "agent.wav").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_disk_that_takes_no_sound_may_still_take_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []

    def private(path: Path) -> Any:
        opened.append(Path("/dev/full").open("r+b") if path.suffix == ".wav" else path.open("w+b"))  # noqa: SIM115 - what is tested closes them
        return opened[-1]

    monkeypatch.setattr("voicegraph.observe.files._private", private)
    plan = plan_of(tmp_path)

    async def call() -> None:
        async with Recording(tmp_path / "call", plan, lambda turn: session.reply(turn)) as recording:
            session = Session(plan, observers=(recording,))
            await session.run()

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(call())
    assert [line["text"] for line in transcript(tmp_path)[1:] if line.get("over")] == ["one two three four five six"]
    assert [file.closed for file in opened] == [True, True]


def test_a_place_that_cannot_be_written_is_told_before(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(VoicegraphError, match="cannot keep recordings in"):
        prepare(tmp_path / "file" / "folder")
    prepare(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_only_its_owner_may_read_a_recording(tmp_path: Path) -> None:
    kept(tmp_path, plan_of(tmp_path))
    assert {(tmp_path / name).stat().st_mode & 0o077 for name in ("call.wav", "call.jsonl")} == {0}


# --- tracks ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 20), st.booleans()), max_size=20))
def test_a_track_puts_sound_where_it_belongs(pieces: list[tuple[int, int, bool]]) -> None:
    track, made, expected = Track(), b"", bytearray()
    at = 0
    for gap, length, taken in pieces:
        gap = gap if gap > 2 else 0
        at += gap
        expected += bytes(2 * gap) + b"\1\0" * length
        track.put(at, b"\1\0" * length)
        at += length
        if taken:
            made += track.take(track.begin + (track.end - track.begin) // 2)
    assert made + track.take(track.end) == bytes(expected)


def test_sound_that_comes_after_its_place_was_taken_does_not_shift_what_follows() -> None:
    track = Track()
    assert track.take(10) == bytes(20)
    track.put(6, b"\1\0" * 8)
    track.put(14, b"\2\0" * 2)
    assert track.take(16) == b"\1\0" * 4 + b"\2\0" * 2


@given(st.lists(st.integers(1, 400), min_size=1, max_size=10), st.lists(st.floats(0, 0.5), max_size=10))
def test_what_was_heard_is_what_was_queued_in_its_order(lengths: list[int], reports: list[float]) -> None:
    heard, sound = Heard(), b""
    for number, length in enumerate(lengths):
        pcm = array("h", [number] * length).tobytes()
        sound += pcm
        heard.queue(TTSAudio(pcm, rate=RATE, turn=1))
    taken, position = b"", 0.0
    whole = len(sound) / (2 * RATE)
    for more in reports:
        position = min(whole, position + more)
        taken += b"".join(piece.pcm for piece in heard.advance(Reply(1, heard_seconds=position, seconds=whole)))
        assert abs(len(taken) / (2 * RATE) - position) <= 1 / RATE
    assert sound.startswith(taken)


def test_stereo() -> None:
    assert stereo(b"\1\0\2\0", b"\3\0\4\0") == b"\1\0\3\0\2\0\4\0"
