"""Both sides of the telephone at once: `serve` with `twilio.call`, and the simulated carrier, over real sockets.

Neither was written from the other, so what they agree on is what Twilio's documentation says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.serve.served import Service, serving
from voicegraph.caller import load
from voicegraph.caller.dialling import Number
from voicegraph.caller.load import Made, Plan
from voicegraph.caller.network import Trouble
from voicegraph.caller.result import Results
from voicegraph.caller.steps import Manner, Step
from voicegraph.caller.voices import simulated
from voicegraph.graph.source import Source
from voicegraph.serve.limits import Limits
from voicegraph.testing import scripted
from voicegraph.testing.conversations.model import Agent, AgentWords, Caller, Dtmf, HangUp

TOKEN = "12345"
PUBLIC = "https://agent.example.com"
GRAPH = f"""
nodes:
  line: {{use: twilio.call, with: {{public_url: "{PUBLIC}", greeting: "Hi."}}}}
  vad: scripted.vad
  sentences: sentences
  stt: {{use: scripted.stt, with: {{latency: 0ms}}}}
  aggregator: {{use: aggregator, with: {{end_silence: 200ms}}}}
  llm:
    use: scripted.llm
    with: {{first: 0ms, between: 0ms, says: [{{cue: open, text: One two three four five six}}], otherwise: Bye.}}
  tts: {{use: scripted.tts, with: {{rate: 8000, telephone: true, first: 0ms, pace: 0, speed: 3}}}}
flow:
  - line -> vad -> aggregator
  - line -> stt -> aggregator -> llm -> sentences -> tts -> line
"""
NODES = scripted.__all__
"""Of the graph; importing them has registered them."""
PLACE = Source("script.yaml", "", Path()).start


@pytest.fixture(scope="module")
def server() -> Generator[Service]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
        with serving(GRAPH, limits=Limits(max_calls=3)) as service:
            yield service


def plan(server: Service, *steps: Step, token: str = TOKEN, **settings: Any) -> Plan:
    number = Number(f"{PUBLIC}/twilio?tenant=oak", token, at=f"http://127.0.0.1:{server.port}")
    return Plan(number, steps, simulated(), Manner(patience=3.0, quiet=0.2, deadline=5.0), **settings)


def called(server: Service, *steps: Step, **settings: Any) -> Made:
    return asyncio.run(load.call(plan(server, *steps, **settings), Random(1)))


def test_a_caller_is_greeted_answered_and_may_interrupt(server: Service) -> None:
    made = called(
        server,
        Agent(PLACE, "Hi."),
        Caller(PLACE, "Open?"),
        Agent(PLACE, "One two three four five six"),
        AgentWords(PLACE, 2),
        Caller(PLACE, "No, thanks."),
        Agent(PLACE, "Bye."),
        Dtmf(PLACE, "1"),
        HangUp(PLACE),
    )
    assert made.failure is None
    result = made.result
    assert (result.outcome, result.faults, result.unanswered) == ("caller hung up", {}, 0)
    assert "six" not in result.heard
    assert len(result.answers) == 2
    assert min(result.answers) > 0.2
    assert len(result.stops) == 1
    assert result.marks > result.flushed_marks > 0


def test_what_is_signed_with_another_token_is_refused(server: Service) -> None:
    result = called(server, token="54321").result
    assert (result.outcome, result.failed) == ("not connected", True)
    assert "HTTP 403" in result.reason


def test_one_call_too_many_is_told_that_all_lines_are_busy(server: Service) -> None:
    steps = (Agent(PLACE, "Hi."), Caller(PLACE, "Hello"), Agent(PLACE, "Bye."))

    async def main() -> Results:
        making = load.calls(plan(server, *steps), 5, concurrent=5, every=0.05, seed=1, done=lambda result: None)
        return await making

    results = asyncio.run(main())
    assert [call.reason for call in results.failed] == ["rejected: busy"] * 2
    assert [call.heard for call in results.calls if not call.failed] == ["Hi. Bye."] * 3


def test_a_road_that_shakes_and_stalls_loses_no_word(server: Service) -> None:
    trouble = Trouble(jitter=0.04, stall=0.1, every=0.7)
    made = called(server, Agent(PLACE, "Hi."), Caller(PLACE, "Open?"), Agent(PLACE, ""), trouble=trouble)
    assert made.failure is None
    assert made.result.heard == "Hi. One two three four five six"
    assert made.result.faults == {}
