"""Whatever fault strikes one client, the next one is served as if nothing had been, and nothing is left behind."""

from __future__ import annotations

import gc
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.emulators.raw import Answer, get, talking
from tests.emulators.toy import serving
from voicegraph.emulators.control import EXCHANGES
from voicegraph.emulators.faults import (
    After,
    AnyFault,
    Close,
    Drop,
    Garbage,
    HungClose,
    Refuse,
    SlowFirstByte,
    Stall,
    Status,
    UnknownMessage,
    WrongFormat,
)
from voicegraph.emulators.server import Emulators

SHORT = 0.01
"""Seconds that a client waits here. Many give up before all has come, which is one more thing to survive."""

AFTERS = st.one_of(
    st.builds(After, bytes=st.integers(0, 400)),
    st.builds(After, words=st.integers(0, 11)),
    st.builds(After, messages=st.integers(0, 7)),
    st.builds(After, received=st.integers(0, 30)),
    st.builds(After, time=st.sampled_from([0.0, 0.002])),
)
FAULTS: st.SearchStrategy[AnyFault] = st.one_of(
    st.builds(Refuse),
    st.builds(Status, status=st.sampled_from([401, 429, 500])),
    st.builds(SlowFirstByte, time=st.sampled_from([0.0, 0.002, None])),
    st.builds(Stall, after=AFTERS, time=st.sampled_from([0.0, 0.002, None])),
    st.builds(Drop, after=AFTERS, how=st.sampled_from(["rst", "fin"])),
    st.builds(Close, after=AFTERS),
    st.builds(Garbage, after=AFTERS),
    st.builds(UnknownMessage, after=AFTERS),
    st.builds(WrongFormat, after=AFTERS),
    st.builds(HungClose),
)
PATHS = ("/toy/events", "/toy/lines", "/toy/sound", "/toy/json", "/toy/never", "/toy/talk")


def visit(emulators: Emulators, path: str) -> None:
    """A client, who may leave at any time."""
    if path != "/toy/talk":
        get(emulators, path, patience=SHORT)
        return
    try:
        with talking(emulators, SHORT) as client:
            if client.handshake.status != 101:
                return
            client.send("one two three")
            client.send(b"\1" * 50)
            client.close()
            client.end(SHORT)
    except (OSError, EOFError):
        pass


def test_the_next_one_is_served(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "asyncio")

    @given(FAULTS, st.sampled_from(PATHS))
    @settings(max_examples=150, deadline=None)
    def next_one(fault: AnyFault, path: str) -> None:
        emulators.faults.clear()
        emulators.faults.plan(fault)
        visit(emulators, path)
        emulators.faults.clear()
        answer: Answer = get(emulators, "/toy/sound")
        assert answer.whole, fault

    with serving() as emulators:
        next_one()
        polls = 0
        while any(exchange.ended is None for exchange in emulators.exchanges) and polls < 1000:
            polls += bool(get(emulators, EXCHANGES))
        assert [exchange for exchange in emulators.exchanges if exchange.ended is None] == []
    gc.collect()  # a task whose exception nobody saw tells so when it goes
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert {exchange.outcome for exchange in emulators.exchanges} <= {"done", "left", "struck"}
