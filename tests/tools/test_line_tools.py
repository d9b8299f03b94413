"""The tools of every graph: hang up, transfer, keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.engine.calls import ScriptedLine
from tests.tools.talks import FAREWELL, STARTED, STOPPED, talk
from voicegraph import Audio, Call, SpeechStarted, SpeechStopped, Transcript, TTSAudio, node
from voicegraph.tools.line import SETTLE, TOOLS, hang_up, send_dtmf, transfer
from voicegraph.tools.toolbox import FAILED, NOT_BEGUN

WORD = 0.1
LONG = "one two three four five six seven eight nine ten."
"""A second of it."""


@node("tools.telephone", line=True, live=False)
class Telephone(ScriptedLine):
    """A line that can do everything."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.done: list[tuple[float, str]] = []

    async def transfer(self, to: str) -> None:
        if to == "nobody":
            raise ConnectionError(to)
        self.done.append((self.call.now(), to))

    async def send_dtmf(self, digits: str) -> None:
        self.done.append((self.call.now(), digits))


@node("tools.ahead", line=True, live=False)
class Ahead(ScriptedLine):
    """Takes all at once, and tells when it was heard."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._end = 0.0

    async def play(self, audio: TTSAudio) -> None:
        self._end = max(self._end, self.call.now()) + audio.seconds
        self.seconds[audio.turn] = self.seconds.get(audio.turn, 0.0) + audio.seconds
        asyncio.get_running_loop().call_at(self._end, self.call.played, audio.turn, self.seconds[audio.turn])


def test_it_does_so_where_the_line_takes_sound_ahead_of_the_ear() -> None:
    done = talk([hang_up], [[("hang_up", "")]], says=LONG, line=Ahead)
    assert done.said() == f"{LONG} {FAREWELL}"
    assert done.ended == pytest.approx(WORD * 13)


def test_hanging_up_lets_the_caller_hear_what_is_said() -> None:
    done = talk([hang_up], [[("hang_up", "")]], script=[1.0, STOPPED, 30.0], says=LONG)
    assert done.said() == f"{LONG} {FAREWELL}"
    assert done.ended == pytest.approx(1.0 + WORD * 13)
    assert not done.result.failed


def test_it_hangs_up_at_once_where_nothing_is_said() -> None:
    @node("tools.silent", line=True, live=False)
    class Silent(ScriptedLine):
        """Hangs up before anybody speaks."""

        async def listen(self) -> AsyncIterator[Audio | SpeechStarted | SpeechStopped | Transcript]:
            self.call.hang_up("nobody is there", after_speaking=True)
            await asyncio.sleep(30.0)
            yield Audio(b"")

    assert talk([], line=Silent).ended == 0.0


def test_an_interrupt_calls_it_off() -> None:
    done = talk([hang_up], [[("hang_up", "")]], script=[STOPPED, 0.5, STARTED, STOPPED, 5.0], says=LONG)
    assert done.said().startswith("one two three")
    assert done.said(2) == f"{LONG} {FAREWELL}"
    assert done.ended == pytest.approx(5.5)


def test_what_is_said_meanwhile_by_others_is_heard_too() -> None:
    async def announce(call: Call) -> None:
        """Says something more, in a turn of its own."""
        call.say("and the door is on the left")

    done = talk([hang_up, announce], [[("hang_up", ""), ("announce", "")]], says=LONG)
    assert done.said(2) == "and the door is on the left"
    assert done.ended == pytest.approx(WORD * (13 + 7))


def test_a_transfer_waits_until_what_was_said_is_heard() -> None:
    done = talk([transfer], [[("transfer", {"to": "+15551234567"})]], line=Telephone, says=LONG)
    ((when, to),) = done.session.line.done
    assert to == "+15551234567"
    assert 1.0 <= when <= 1.0 + 2 * SETTLE
    assert not done.result.failed


def test_a_transfer_of_a_silent_agent_does_not_wait_for_long() -> None:
    done = talk([transfer], [[("transfer", {"to": "desk"})]], line=Telephone)
    assert done.session.line.done == [(SETTLE, "desk")]


def test_the_caller_who_speaks_on_is_not_put_through() -> None:
    script = [STOPPED, 0.5, STARTED, 5.0]
    done = talk([transfer], [[("transfer", {"to": "desk"})]], line=Telephone, says=LONG, script=script)
    assert done.session.line.done == []


def test_a_transfer_that_fails_is_told_to_the_model() -> None:
    done = talk([transfer], [[("transfer", {"to": "nobody"})]], line=Telephone)
    assert done.result.content == FAILED.format("ConnectionError")
    assert done.said() == FAREWELL


def test_keys_are_pressed_at_once() -> None:
    done = talk([send_dtmf], [[("send_dtmf", {"digits": "12#"})]], line=Telephone, says=LONG)
    assert done.session.line.done == [(0.0, "12#")]


@pytest.mark.parametrize("digits", ["", "12w", "1 2", "1" * 33])
def test_what_is_no_key_is_told_to_the_model(digits: str) -> None:
    done = talk([send_dtmf], [[("send_dtmf", {"digits": digits})]], line=Telephone)
    assert done.session.line.done == []
    assert done.result.failed
    assert "0-9" in done.result.content


@pytest.mark.parametrize(("name", "arguments"), [("transfer", {"to": "desk"}), ("send_dtmf", {"digits": "1"})])
def test_a_line_that_stands_in_for_a_telephone_says_so(name: str, arguments: dict[str, str]) -> None:
    done = talk([TOOLS[name]], [[(name, arguments)]])
    assert done.failure == "this line cannot do that"


def test_none_of_it_was_begun_for_a_turn_that_was_taken_back() -> None:
    script = [Transcript("guess"), 1.0, STARTED, STOPPED, 5.0]
    done = talk([hang_up], [[("hang_up", "")]], script=script)
    assert done.model.told == [[], [NOT_BEGUN]]
    assert done.ended == 6.0
