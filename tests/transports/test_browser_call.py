"""browser.call: whole calls in virtual time, with a page in Python."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transports.page import ECHO, REPORT, Peer
from voicegraph.call import Reply
from voicegraph.engine.observers import Observer
from voicegraph.engine.session import Session
from voicegraph.errors import CallFailed
from voicegraph.frames import Frame, Token, TTSAudio, UserTurn
from voicegraph.graph import Plan, compile_plan, loads
from voicegraph.node import node
from voicegraph.testing import run_virtual
from voicegraph.transports.browser import AHEAD, ALIVE, SILENT, UNHEARD, UNREAD

RATE = 16_000
ANSWER = "On Saturdays we are open from nine in the morning until noon, and the phone is answered until six."
GRAPH = """
name: dental
nodes:
  line: {{use: browser.call, with: {{greeting: "Good morning.", {more}}}}}
  stt:
    use: script.stt
    with:
      script:
        - {{since: 2500ms, at: 3000ms, text: "when do", final: false}}
        - {{at: 4000ms, text: "When do you open on Saturdays?"}}
        - {{since: 6800ms, at: 7200ms, text: "sorry", final: false}}
        - {{at: 8000ms, text: "Sorry, I meant Sundays."}}
  aggregator: {{use: aggregator, with: {{end_silence: 400ms, speculate: {speculate}, interrupt: {{{interrupt}}}}}}}
  brain:
    use: rules.chat
    with: {{rules: [{{keywords: [saturdays], say: "{answer}"}}, {{say: "On Sundays we are closed."}}]}}
  sentences: sentences
  tts: tone.tts
flow: line -> stt -> aggregator -> brain -> sentences -> tts -> line
"""


class Late:
    """An observer of a session whose line is asked for one when it is made, as the server does."""

    to: Observer

    def given(self, node: str, frame: Frame) -> None:
        self.to.given(node, frame)

    def played(self, turn: int, seconds: float) -> None:
        self.to.played(turn, seconds)


def plan_of(*, interrupt: str = "", more: str = "", speculate: str = "false") -> Plan:
    return compile_plan(loads(GRAPH.format(answer=ANSWER, interrupt=interrupt, more=more, speculate=speculate)))


def call(peer: Peer, act: Callable[[Peer], Awaitable[None]], *, plan: Plan | None = None, **changes: str) -> Session:
    """A call with this page, as the server makes it. Returns the session when it is over."""
    plan = plan or plan_of(**changes)

    async def run() -> Session:
        late = Late()
        session = Session(plan, seed=0, observers=(late,))
        line = session.line
        line.attach(peer)
        late.to = line.observer()
        acting = asyncio.ensure_future(act(peer))
        await session.run()
        acting.cancel()
        return session

    return run_virtual(run(), seed=1)


async def whole(peer: Peer) -> None:
    await peer.talk(14.0)
    peer.say('{"type": "hang-up"}')


def replies(session: Session) -> list[Reply]:
    return [reply for reply in session.replies() if reply.heard_seconds]


def test_a_conversation_is_shown_with_the_words_that_were_not_heard() -> None:
    peer = Peer()
    session = call(peer, whole)
    greeting, asked, answered, again, closed = peer.transcript()
    assert (greeting["heard"], greeting["state"]) == ("Good morning.", "heard")
    assert (asked["text"], asked["final"]) == ("When do you open on Saturdays?", True)
    assert answered["state"] == "interrupted"
    assert answered["heard"] + answered["spoken"] + answered["thought"] == ANSWER
    assert 4 < len(answered["heard"].split()) < 14
    assert answered["heard"] == replies(session)[1].heard
    assert (again["text"], closed["heard"]) == ("Sorry, I meant Sundays.", "On Sundays we are closed.")
    assert peer.closed is None  # it is the server that closes


def test_guesses_are_shown_as_guesses() -> None:
    peer = Peer()
    call(peer, whole)
    assert [(view["text"], view["final"]) for view in peer.shown("caller")][:2] == [
        ("when do", False),
        ("When do you open on Saturdays?", True),
    ]


def test_the_ledger_is_what_the_loudspeaker_played() -> None:
    peer = Peer()
    session = call(peer, whole)
    played = len(peer.loudspeaker.heard) / RATE
    heard = sum(reply.heard_seconds for reply in session.replies())
    assert peer.orders == ["clear"]
    assert 0 <= played - heard <= 0.02 + 1 / RATE  # what was played before the clear came, and not told yet


def test_the_states_follow_each_other() -> None:
    peer = Peer()
    call(peer, whole)
    states = [view["state"] for view in peer.shown("state")]
    changes = [state for before, state in pairwise(["", *states]) if state != before]
    assert [state for state in changes if state != "thinking"][:4] == ["speaking", "listening", "speaking", "listening"]
    assert changes[-1] == "listening"
    assert any(view["caller"] for view in peer.shown("state"))


def test_an_answer_that_may_be_taken_back_is_no_thinking_yet() -> None:
    peer = Peer()
    call(peer, whole, speculate="true")
    assert "thinking" not in {view["state"] for view in peer.shown("state")}  # these answers are there at once


def test_the_graph_and_the_time_of_each_answer_are_shown() -> None:
    peer = Peer()
    call(peer, whole)
    (graph,) = peer.shown("graph")
    assert (graph["name"], graph["line"]) == ("dental", "line")
    names = [row["name"] for row in graph["rows"]]
    assert names == ["line", "stt", "aggregator", "brain", "sentences", "tts"]
    assert graph["wires"] == [*([a, b] for a, b in pairwise(names)), ["tts", "line"]]
    first, second = peer.shown("answer")
    assert [first["entry"], second["entry"]] == [3, 5]
    assert 0.4 < first["seconds"] < 0.6
    ends = [share["end"] for share in first["shares"]]
    assert [share["start"] for share in first["shares"]] == [0.0, *ends[:-1]]
    assert ends[-1] == pytest.approx(first["seconds"])
    assert {share["node"]: share["end"] - share["start"] for share in first["shares"]} == {
        "aggregator": pytest.approx(0.4, abs=0.01)  # its `end_silence`; all others are stand-ins that take no time
    }
    assert {node for view in peer.shown("active") for node in view["nodes"]} == {*names, "~call"} - {"line"}


@node("slow.spoken")
class Slow:
    """Thinks for 0.3 s, and takes 0.2 s more for its sentence."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        await asyncio.sleep(0.3)
        yield Token("On Sundays ")
        await asyncio.sleep(0.2)
        yield Token("we are closed. ")
        yield Token("Goodbye.")


def test_the_time_of_an_answer_is_that_of_whom_it_waited_for() -> None:
    """The model has the time of all its sentence, not whoever waits for the end of it."""
    peer = Peer()
    graph = GRAPH.format(answer=ANSWER, interrupt="", more="", speculate="false")
    start, end = graph.index("  brain:"), graph.index("  sentences:")
    plan = compile_plan(loads(f"{graph[:start]}  brain: slow.spoken\n{graph[end:]}"))
    call(peer, whole, plan=plan)
    answer = peer.shown("answer")[0]
    took = {share["node"]: share["end"] - share["start"] for share in answer["shares"]}
    assert took["brain"] == pytest.approx(0.5, abs=0.01)
    assert took.get("sentences", 0.0) < 0.01
    assert sum(took.values()) == pytest.approx(answer["seconds"])


def test_callers_whom_it_does_not_concern_see_words_only() -> None:
    peer = Peer()
    call(peer, whole, more="details: false")
    assert {view["type"] for view in peer.views} == {"hello", "caller", "agent", "state", "clear"}
    assert peer.views[0] == {"type": "hello", "rate": RATE, "details": False}


def test_what_only_seems_to_interrupt_makes_it_pause() -> None:
    peer = Peer()
    call(peer, whole, interrupt="pause_first: true, min_words: 5")
    assert peer.orders[:2] == ["pause", "resume"]
    assert "clear" not in peer.orders
    assert [view["state"] for view in peer.transcript() if view["type"] == "agent"] == ["heard", "heard", "heard"]


def test_no_more_is_sent_ahead_than_the_lead() -> None:
    most = 0

    async def act(peer: Peer) -> None:
        nonlocal most
        for _ in range(300):
            await peer.talk(0.02)
            most = max(most, sum(len(chunk[2]) for chunk in peer.loudspeaker.waiting))
        peer.leave()

    call(Peer(), act, more="lead: 200ms")
    assert 0.15 * RATE < most <= (0.2 + 0.04) * RATE


def test_a_clear_overtakes_sound_that_was_not_sent() -> None:
    plan, peer = plan_of(), Peer()

    async def run() -> None:
        session = Session(plan, seed=0)
        session.line.attach(peer)
        running = asyncio.ensure_future(session.run())
        await peer.talk(5.5)
        assert peer.loudspeaker.waiting
        session.line.clear()
        next_one = TTSAudio((99).to_bytes(2, "little") * RATE, rate=RATE, turn=99)
        await session.line.play(next_one)
        await peer.talk(0.2)
        peer.leave()
        await running

    run_virtual(run(), seed=1)
    assert 99 in peer.loudspeaker.heard
    heard = peer.loudspeaker.heard
    assert set(heard[heard.index(99) :]) == {99}


def test_what_is_still_to_be_said_when_the_call_ends_is_cut() -> None:
    async def act(peer: Peer) -> None:
        await peer.talk(6.0)
        peer.say('{"type": "hang-up"}')

    peer = Peer()
    call(peer, act)
    last = peer.transcript()[-1]
    assert last["state"] == "cut"
    assert last["heard"]


def test_a_page_that_is_gone_ends_the_call() -> None:
    async def act(peer: Peer) -> None:
        await peer.talk(1.0)
        peer.leave()

    session = call(Peer(), act)
    assert replies(session)[0].said == "Good morning."


def test_the_query_is_the_call_s_variables() -> None:
    async def act(peer: Peer) -> None:
        await peer.talk(0.1)
        peer.leave()

    assert call(Peer(query={"customer": "7"}), act).variables == {"customer": "7"}


SILENCE = REPORT.pack(0, 0) + bytes(640)
WRONG: Mapping[str, tuple[str | bytes, int, str]] = {
    "no header": (bytes(7), 1007, "malformed"),
    "half a sample": (bytes(9), 1007, "malformed"),
    "no JSON": ("hello", 1007, "malformed"),
    "unknown": ('{"type": "transfer"}', 1007, "malformed"),
    "too long": (bytes(8 + 2 * RATE + 2), 1009, "oversize"),
    "beyond what was sent": (REPORT.pack(1_000_000, 0), 1007, "malformed"),
    "a clear of its own": (REPORT.pack(0, 1), 1007, "malformed"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_against_the_protocol_closes_the_call_with_its_reason(what: str) -> None:
    message, code, reason = WRONG[what]

    async def act(peer: Peer) -> None:
        await peer.talk(0.1)
        peer.say(message)

    peer = Peer()
    call(peer, act)
    assert peer.closed == (code, reason)


@pytest.mark.parametrize("message", [SILENCE, SILENCE[:8]], ids=["sound", "empty"])
def test_a_flood_closes_the_call(message: bytes) -> None:
    async def act(peer: Peer) -> None:
        for _ in range(round(AHEAD / 0.01) + 2):
            peer.say(message)

    peer = Peer()
    call(peer, act)
    assert peer.closed == (1008, "flood")


def test_what_a_network_held_back_is_no_flood() -> None:
    async def act(peer: Peer) -> None:
        await asyncio.sleep(8.0)
        for _ in range(8 * 50):
            peer.say(SILENCE)
        await asyncio.sleep(1.0)
        peer.leave()

    peer = Peer()
    call(peer, act)
    assert peer.closed is None


def test_a_page_that_says_nothing_is_not_waited_for() -> None:
    peer = Peer()
    call(peer, lambda peer: asyncio.sleep(SILENT + 5))
    assert peer.closed == (1008, "silent")


def test_a_page_that_reads_nothing_is_not_waited_for() -> None:
    async def act(peer: Peer) -> None:
        peer.reads = False
        await peer.talk(UNREAD + 5)

    peer = Peer()
    call(peer, act)
    assert peer.closed == (1008, "slow-reader")


def test_a_page_that_plays_nothing_is_not_waited_for() -> None:
    async def act(peer: Peer) -> None:
        for _ in range(round((UNHEARD + 12) * 50)):  # the last answer comes after 8 s
            await asyncio.sleep(0.02)
            peer.say(SILENCE)

    peer = Peer()
    call(peer, act)
    assert peer.closed == (1008, "unheard")


def test_a_pause_is_no_page_that_plays_nothing() -> None:
    graph = ECHO.replace("line: browser.call", "line: {use: browser.call, with: {greeting: Good morning.}}")
    plan, peer = compile_plan(loads(graph)), Peer()

    async def run() -> None:
        session = Session(plan, seed=0)
        session.line.attach(peer)
        running = asyncio.ensure_future(session.run())
        await peer.talk(0.3)
        session.line.pause()
        await peer.talk(UNHEARD + 5)
        session.line.resume()
        await peer.talk(2.0)
        peer.leave()
        await running
        assert replies(session)[0].heard == "Good morning."

    run_virtual(run(), seed=1)
    assert peer.closed is None


def test_a_page_learns_that_the_server_is_there() -> None:
    peer = Peer()

    async def act(peer: Peer) -> None:
        await peer.talk(1.0)
        for _ in range(4):
            before = len(peer.views)
            await peer.talk(ALIVE + 0.1)
            assert len(peer.views) > before
        peer.leave()

    call(peer, act, more="details: false")
    assert "alive" in {view["type"] for view in peer.views}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=40), st.text(max_size=20), st.just(SILENCE)), max_size=8))
def test_whatever_a_page_sends_the_call_ends_in_order(messages: list[str | bytes]) -> None:
    async def act(peer: Peer) -> None:
        await peer.talk(0.5)
        for message in messages:
            peer.say(message)
        await peer.talk(0.1)
        peer.leave()

    peer = Peer()
    session = call(peer, act)
    assert peer.closed in (None, (1007, "malformed"))
    assert not session.faults


def test_without_a_page_it_is_told_how_to_serve_it() -> None:
    with pytest.raises(CallFailed, match="voicegraph serve"):
        run_virtual(Session(plan_of()).run(), seed=1)


def test_messages_are_json_objects_with_a_type() -> None:
    peer = Peer()
    call(peer, whole)
    assert all(json.dumps(view) and view["type"] for view in peer.views)
