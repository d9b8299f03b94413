"""`then`: what a graph does when nothing else has helped."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.graph.nodes import AGENT, Phone
from tests.graph.reading import chat, codes, marked, mistakes, only, plan
from voicegraph.graph.plan import Action
from voicegraph.node import node_type
from voicegraph.tools import line as line_tools
from voicegraph.tools.reading import read_tool

PHONE = AGENT.replace("line: t.line", f"line: {node_type(Phone).name}")


CLINIC = '''\
from datetime import date
from typing import Literal

async def take(day: date, name: str, urgent: bool = False, how: Literal["call", "mail"] = "call") -> None:
    """Takes a message."""
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "clinic.py").write_text(CLINIC)
    return tmp_path


def then(action: str, *, text: str = PHONE) -> str:
    assert "then: {line.hang_up: {}}" in text
    return "imports: [./clinic.py]\n" + text.replace("then: {line.hang_up: {}}", f"then: {action}")


def test_a_tool_with_its_arguments(folder: Path) -> None:
    made = plan(then('{line.transfer: {to: "+15551234567"}}'), folder=folder).nodes["llm"].recover
    assert made is not None
    assert made.then == Action(read_tool(line_tools.transfer), {"to": "+15551234567"})
    made = plan(then("{clinic.take: {day: 2026-11-23, name: 4711, urgent: true}}"), folder=folder).nodes["llm"].recover
    assert made is not None
    assert made.then is not None
    assert (made.then.tool.name, made.then.arguments) == (
        "take",
        {"day": "2026-11-23", "name": "4711", "urgent": True},
    )


@pytest.mark.parametrize("action", ["line.hang_up", "{line.hang_up: }", "{line.hang_up: {}}", "continue"])
def test_ways_to_write_one_without_arguments(folder: Path, action: str) -> None:
    assert mistakes(then(action), folder=folder) == ()


TRANSFER = "write `then: {line.transfer: {to: …}}`"
TAKE = "write `then: {clinic.take: {day: …, name: …}}`"


@pytest.mark.parametrize(
    ("action", "code", "under", "message", "hint"),
    [
        ("line.transfer", "missing-key", "line.transfer", "`line.transfer` needs `to`", TRANSFER),
        ("{line.transfer: ~}", "missing-key", "line.transfer", "`line.transfer` needs `to`", TRANSFER),
        ("{line.transfer: {too: x}}", "missing-key", "line.transfer", "`line.transfer` needs `to`", TRANSFER),
        ("{line.transfer: {too: x}}", "unknown-key", "too", "`line.transfer` has no argument `too`",
         "did you mean `to`?"),
        ("{line.hang_up: {now: true}}", "unknown-key", "now", "`line.hang_up` has no argument `now`",
         "it takes no arguments"),
        ("{line.transfer: {to: [a]}}", "bad-value", "[a]", "`to` should be a valid string", ""),
        ("{clinic.take: {day: soon, name: x}}", "bad-value", "soon",
         "`day` should be a valid date or datetime, input is too short", ""),
        ("{clinic.take: {day: 2026-11-23}}", "missing-key", "clinic.take", "`clinic.take` needs `name`", TAKE),
        ("{clinic.take: {day: 2026-11-23, name: x, how: fax}}", "bad-value", "fax",
         "`how` should be 'call' or 'mail'", ""),
        ("{line.transfer: +1555}", "wrong-shape", "+1555", "the arguments of `line.transfer` are a mapping",
         "not a single value"),
        ("[line.hang_up]", "wrong-shape", "[line.hang_up]", "`then` is one action, not a list",
         "write the name of one tool, or that with its arguments: `{line.transfer: {to: …}}`"),
        ("{line.hang_up: {}, line.transfer: {to: x}}", "wrong-shape", "{line.hang_up: {}, line.transfer: {to: x}}",
         "`then` is one action, not 2 of them", "write the name of one tool, or that with its arguments: "
         "`{line.transfer: {to: …}}`"),
        ("{}", "wrong-shape", "{}", "`then` is one action, not 0 of them",
         "write the name of one tool, or that with its arguments: `{line.transfer: {to: …}}`"),
        ("{continue: {}}", "bad-value", "{continue: {}}", "`then` cannot be `continue`",
         "an action such as `line.transfer`, `line.hang_up`, `continue` or a tool's name"),
        ("line.hangup", "unknown-tool", "line.hangup", "there is no `line.hangup`", "did you mean `line.hang_up`?"),
        ("{clinic.tak: {}}", "unknown-tool", "clinic.tak", "`clinic.py` has no `tak`", "did you mean `clinic.take`?"),
        ("clinic.date", "bad-tool", "clinic.date",
         "`clinic.date` cannot be a tool: it is no function but a class", ""),
    ],
)  # fmt: skip
def test_actions_that_cannot_be(folder: Path, action: str, code: str, under: str, message: str, hint: str) -> None:
    found = [each for each in mistakes(then(action), folder=folder) if each.code == code]
    assert [(marked(each), each.message, each.hint) for each in found] == [(under, message, hint)]


def test_an_action_that_the_line_cannot_do() -> None:
    found = only(mistakes(then('{line.transfer: {to: "1"}}', text=AGENT).partition("\n")[2]))
    assert (found.code, marked(found)) == ("line-cannot", "line.transfer")
    assert found.message == "the line `t.line` cannot do `line.transfer`"


def test_an_action_of_a_part_is_not_held_against_a_line() -> None:
    assert mistakes(chat('llm: {use: t.llm, recover: {then: {line.transfer: {to: "1"}}}}')) == ()


def test_a_reference_in_an_argument_that_is_not_set_is_told_once() -> None:
    text = chat('llm: {use: t.llm, recover: {then: {line.transfer: {to: "${env:DESK}"}}}}')
    assert codes(mistakes(text)) == ["unset-variable"]
    assert [each.severity for each in mistakes(text, ready=False)] == ["warning"]


# --- variants -------------------------------------------------------------------------------------------------------


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(PHONE.replace("{line.hang_up: {}}", "{line.transfer: {to: '1'}}"))
    return tmp_path


@pytest.mark.parametrize(
    ("over", "action"),
    [
        ("{line.transfer: {to: '2'}}", Action(read_tool(line_tools.transfer), {"to": "2"})),
        ("{line.send_dtmf: {digits: '2'}}", Action(read_tool(line_tools.send_dtmf), {"digits": "2"})),
        ("line.hang_up", Action(read_tool(line_tools.hang_up))),
        ("{line.hang_up: ~}", Action(read_tool(line_tools.hang_up))),
        ("~", None),
        ("continue", None),
    ],
)
def test_another_action_starts_without_the_old_arguments(base: Path, over: str, action: Action | None) -> None:
    extended = plan(f"extends: base.yaml\nnodes: {{llm: {{recover: {{then: {over}}}}}}}", folder=base)
    option = plan("extends: base.yaml", f"nodes.llm.recover.then={over}", folder=base)
    for made in (extended, option):
        policy = made.nodes["llm"].recover
        assert policy is not None
        assert (policy.then, policy.say) == (action, "One moment please.")
