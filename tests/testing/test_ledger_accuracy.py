"""The heard ledger against the bytes: wherever a reply is cut, the two are within one word of each other."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.calls import plan
from voicegraph import Interrupt, Sentence, node
from voicegraph.engine.session import Session
from voicegraph.testing import SimulatedCall, run_virtual
from voicegraph.testing.scripted import ScriptedTTS

TEXT = """a I we the and for you open when your call, from nine five, until on Saturdays; weekdays Wednesday? good
    morning, appointment. unfortunately availability o'clock it's check-up. noon! dentist is with patient just now"""
WORDS = TEXT.split()
SHARE = 0.97
"""Of cuts in a text that comes with its first chunk, where only its letters tell how long each word is."""


@node("test.ledger.speaks")
class Speaks:
    """These sentences, in one reply."""

    texts: tuple[str, ...]

    async def speak(self) -> AsyncIterator[Sentence]:
        for text in self.texts:
            yield Sentence(text)


@node("test.ledger.cuts")
class Cuts:
    """An interrupt after so many seconds."""

    after: float

    async def cut(self) -> AsyncIterator[Interrupt]:
        await asyncio.sleep(self.after)
        yield Interrupt()


def words_off(texts: list[str], after: float, *, tts: dict[str, Any], line: dict[str, Any]) -> int:
    """By how many words the ledger is ahead of the caller's ear, once the reply was cut."""
    nodes = {"line": SimulatedCall, "speaks": Speaks, "cuts": Cuts, "tts": ScriptedTTS}
    config: dict[str, Any] = {
        "speaks": {"texts": texts},
        "cuts": {"after": after},
        "tts": {"rate": 8_000, **tts},
        "line": {"rate": 8_000, **line},
    }
    made = plan(nodes, "speaks -> tts -> line", config=config)

    async def main() -> int:
        session = Session(made, seed=1)
        simulated: SimulatedCall = session.nodes["line"].instance
        asyncio.get_running_loop().call_later(after + 0.5, simulated.hang_up)
        await session.run()
        reply, heard = session.reply(1), simulated.heard.text(1)
        assert " ".join(texts).startswith(reply.heard)
        assert " ".join(texts).startswith(heard)
        assert simulated.heard.stale() == []
        return len(reply.heard.split()) - len(heard.split())

    return run_virtual(main(), seed=1)


sentences = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=15).map(" ".join), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None)
@given(
    texts=sentences,
    cut=st.floats(0, 1),
    speed=st.floats(0.6, 1.6),
    pace=st.floats(0, 1.2),
    lead=st.sampled_from(["100ms", "200ms", "2s"]),
    every=st.sampled_from(["20ms", "300ms", "5s"]),
    latency=st.sampled_from(["0ms", "0ms", "70ms", "250ms"]),
)
def test_with_a_voice_that_tells_its_words_the_cut_is_within_one(
    texts: list[str], cut: float, speed: float, pace: float, lead: str, every: str, latency: str
) -> None:
    after = 0.1 + cut * sum(len(text.split()) for text in texts) / 2.2 / speed * max(1.0, pace)
    line = {"lead": lead, "report_every": every, "latency": latency}
    assert abs(words_off(texts, after, tts={"speed": speed, "pace": pace}, line=line)) <= 1


@pytest.mark.parametrize(("lead", "worst"), [("60s", 1), ("200ms", 2)])
def test_with_a_voice_that_does_not_it_nearly_always_is(lead: str, worst: int) -> None:
    """Words take uneven times, which the ledger cannot know. With a short lead it does not know all of the sound."""
    chance = random.Random(1)
    off: list[int] = []
    for _ in range(80):
        texts = [" ".join(chance.choices(WORDS, k=chance.randint(3, 15))) for _ in range(2)]
        after = chance.uniform(0.2, 0.2 + sum(len(text.split()) for text in texts) / 2.6)
        tts = {"aligned": False, "pace": 0.0, "first": "0ms"}
        off.append(words_off(texts, after, tts=tts, line={"lead": lead}))
    assert sum(abs(each) <= 1 for each in off) >= SHARE * len(off)
    assert max(map(abs, off)) <= worst
