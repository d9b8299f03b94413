"""voicegraph when what thinks or hears fails: `python -m ...dead_air_conversations CASE [SET...]`, graphs/cloud.yaml.

case: `thinks`, where the caller's turn is asked for outright, or `hears`, where it is spoken: simulated speech, and a
VAD for that. The phrases of the graph have been rendered, as by `voicegraph warm`, and are in memory.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from loguru import logger

from benchmarks.contenders.dead_air_shape import SAYS, SETTLE, main, over, told
from benchmarks.contenders.dead_air_voicegraph import Steps, answering, cloud, heard, run
from voicegraph import Error, Frame, Token, Transcript, phrases
from voicegraph.engine.session import Session, warm
from voicegraph.graph.plan import Plan
from voicegraph.testing import SimulatedCall

ANSWERED = 8.0
"""Seconds in which a transcript comes after all, once the caller has spoken, whatever happened."""
PHRASE = 1.0
"""Seconds that a holding phrase has at least."""
PATIENCE = 6.0
"""Seconds of silence behind which nothing is expected: a model has 3 to begin, and as many between two tokens."""

store = phrases.in_memory()
sets = sys.argv[2:]


class Words(Steps):
    """Keeps what the language model said and when, what was understood, and what failed."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[float] = []
        self.transcripts: list[str] = []
        self.errors: list[str] = []

    def given(self, node: str, frame: Frame) -> None:
        super().given(node, frame)
        if isinstance(frame, Token):
            self.tokens.append(asyncio.get_running_loop().time())
        elif isinstance(frame, Transcript) and frame.final:
            self.transcripts.append(frame.text)
        elif isinstance(frame, Error):
            self.errors.append(f"{frame.node}: {frame.message}")


async def prepare() -> None:
    plan = cloud(*sets)
    await warm(plan)
    for voice in phrases.voices_of(plan):
        for text in plan.phrases:
            store.keep(voice, text, await phrases.render(voice, text))


def session_of(plan: Plan) -> tuple[Session, SimulatedCall, Words]:
    words = Words()
    session = Session(plan, observers=(words,), phrases=store)
    return session, session.nodes["line"].instance, words


async def thinks() -> dict[str, object]:
    asked: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    session, line, words = session_of(answering(cloud(*sets), asked))

    async def listen() -> dict[str, Any]:
        at = await asked
        await over(lambda: heard(line), at, more=PHRASE, cap=PATIENCE)
        line.hang_up()
        result = told(heard(line), at)
        return result | {"steps": words.told(at), "tokens": [token - at for token in words.tokens]}

    listening = asyncio.create_task(listen())
    lost = await run(session)
    return await listening | {"lost": lost}


async def hears() -> dict[str, object]:
    session, line, words = session_of(cloud(*sets))

    async def speak() -> None:
        await asyncio.sleep(SETTLE)
        await line.say(SAYS).done()
        await asyncio.sleep(ANSWERED)
        line.hang_up()

    speaking = asyncio.create_task(speak())
    lost = await run(session)
    await speaking
    return {"transcripts": words.transcripts, "steps": words.told(0.0), "errors": words.errors, "lost": lost}


if __name__ == "__main__":
    logger.remove()
    main({"thinks": thinks, "hears": hears}[sys.argv[1]], "voicegraph", prepare=prepare)
