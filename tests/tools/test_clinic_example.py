"""examples/clinic.py and the graph that uses it."""

from __future__ import annotations

import asyncio
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest

from voicegraph import ToolError
from voicegraph.graph import load
from voicegraph.processors import deepgram_stt as deepgram_stt
from voicegraph.processors import elevenlabs_tts as elevenlabs_tts
from voicegraph.processors import openai_chat as openai_chat
from voicegraph.processors import openai_stt as openai_stt
from voicegraph.processors import openai_tts as openai_tts
from voicegraph.tools import Tool

ROOT = Path(__file__).parents[2]
MONDAY, SUNDAY = date(2026, 11, 23), date(2026, 11, 22)


@pytest.fixture
def clinic(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Its functions by name, with nothing booked yet."""
    keys = {f"{vendor}_API_KEY": "any" for vendor in ("DEEPGRAM", "OPENAI", "ELEVENLABS")}
    graph = load(ROOT / "graphs" / "clinic.yaml", environment=keys)
    tools: tuple[Tool, ...] = graph.nodes["llm"].config["tools"]
    assert [tool.name for tool in tools] == ["today", "free_times", "book", "hang_up"]
    monkeypatch.setitem(tools[1].function.__globals__, "BOOKED", {})
    return {tool.name: tool.function for tool in tools}


def test_what_is_booked_is_no_longer_free(clinic: dict[str, Any]) -> None:
    assert time(9) in clinic["free_times"](MONDAY)
    done = asyncio.run(clinic["book"](MONDAY, time(9), "Ann"))
    assert done == "Booked for Ann on Monday, 23 November at 09:00."
    assert time(9) not in clinic["free_times"](MONDAY)
    with pytest.raises(ToolError, match="no time at 09:00"):
        asyncio.run(clinic["book"](MONDAY, time(9), "Bob"))


def test_on_sundays_it_is_closed(clinic: dict[str, Any]) -> None:
    with pytest.raises(ToolError, match="closed on Sundays"):
        clinic["free_times"](SUNDAY)


def test_it_knows_the_day(clinic: dict[str, Any]) -> None:
    weekday, _, day = clinic["today"]().partition(", ")
    assert f"{date.fromisoformat(day):%A}" == weekday
