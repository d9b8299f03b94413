"""A hosted service that fails, hangs or goes quiet in the midst of a reply: the engine recovers it like any node."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.engine.recovery.agents import ANSWER, RATE, agent, ask, heard, steps
from tests.processors import pipecat_services as pipecat_services  # registers acme.tts
from voicegraph.graph.plan import Plan, PlannedNode, Recover
from voicegraph.node import node_type
from voicegraph.processors.pipecat_processor import PipecatProcessor
from voicegraph.testing.scripted import ScriptedTTS

POLICY = Recover(timeout=1.0, stall=1.0, fallback=("backup",))
SECOND = "Is there anything else?"


def hosting(settings: dict[str, Any]) -> Plan:
    """An agent whose voice is hosted, and another voice that stands by."""
    made = agent(
        recover={"tts": POLICY},
        nodes={"tts": ScriptedTTS},
        standby={"backup": ScriptedTTS},
        config={"backup": {"rate": RATE}},
    )
    config = {"service": "acme.tts", "settings": {"sample_rate": RATE, **settings}}
    kind = node_type(PipecatProcessor).with_settings(config)
    return replace(made, nodes={**made.nodes, "tts": PlannedNode("tts", kind, config, POLICY)})


@pytest.mark.parametrize(
    "settings",
    [{"fails_at": "open"}, {"fails_at": "else"}, {"fails_at": "open", "fatal": True}, {"pause": 5.0}],
    ids=["at once", "in mid-reply", "for good", "hangs"],
)
def test_another_voice_takes_over(settings: dict[str, Any]) -> None:
    done = ask(hosting(settings))
    assert [step for step in steps(done) if step[1] == "fallback"] == [("tts", "fallback", "backup")]
    (reply,) = done.session.replies()
    assert reply.heard.split() == ANSWER.split()
    assert heard(done).endswith(SECOND)
