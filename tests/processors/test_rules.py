"""rules.chat: which rule answers, with what, and how a wrong list of rules is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from voicegraph.frames import UserTurn
from voicegraph.node import node_type
from voicegraph.processors.rules import Rules

FRONT_DESK = Path(__file__).parents[2] / "examples" / "front_desk.yaml"
ELSE = {"say": "What?"}


def brain(rules: Any) -> Any:
    return node_type(Rules).configure({"rules": rules})


def answer(made: Any, heard: str) -> str:
    return "".join(token.text for token in made.on_turn(UserTurn(heard)))


def mistakes(rules: Any) -> dict[tuple[int | str, ...], str]:
    """Places and words of what is wrong with these rules."""
    with pytest.raises(ValidationError) as caught:
        brain(rules)
    return {each["loc"]: each["msg"] for each in caught.value.errors()}


def test_the_first_rule_that_fits_answers() -> None:
    made = brain([{"keywords": "open", "say": "first"}, {"keywords": ["open", "close"], "say": "second"}, ELSE])
    assert answer(made, "Are you open?") == "first"
    assert answer(made, "When do you close?") == "second"
    assert answer(made, "Hm.") == "What?"


@pytest.mark.parametrize(
    ("heard", "fits"),
    [
        ("What are your opening hours?", True),
        ("OPENING, hours", True),
        ("opening  hours", True),
        ("reopening hours", False),
        ("opening hoursmith", False),
        ("hours of opening", False),
    ],
)
def test_keywords_are_whole_phrases_in_any_case(heard: str, fits: bool) -> None:
    made = brain([{"keywords": ["opening hours"], "say": "yes"}, ELSE])
    assert (answer(made, heard) == "yes") is fits


def test_keywords_are_no_regular_expressions() -> None:
    made = brain([{"keywords": ["c++"], "say": "yes"}, ELSE])
    assert answer(made, "I write C++ here") == "yes"
    assert answer(made, "ccc") == "What?"


def test_groups_of_the_pattern_come_into_the_answer() -> None:
    pattern = [r"my name is (?P<name>\w+)( again)?", r"i am (?P<name>\w+)( still)?"]
    made = brain([{"pattern": pattern, "say": ["Hello, {name}.", "{1}{2}, {0}"]}, ELSE])
    assert answer(made, "Well, MY NAME is Ann") == "Hello, Ann."
    assert answer(made, "I am Bob still") == "Bob still, I am Bob still"
    assert answer(made, "I am Eve") == "Hello, Eve."
    assert answer(made, "I am Eve") == "Eve, I am Eve"


def test_several_answers_take_turns_in_each_call_anew() -> None:
    rules = [{"keywords": "hi", "say": ["one", "two"]}, ELSE]
    first, second = brain(rules), brain(rules)
    assert [answer(first, "hi") for _ in range(3)] == ["one", "two", "one"]
    assert answer(second, "hi") == "one"


def test_the_answer_streams_word_by_word() -> None:
    made = brain([{"say": "We open  at eight. "}])
    assert [token.text for token in made.on_turn(UserTurn("x"))] == ["We", " open", "  at", " eight.", " "]


WRONG: list[tuple[Any, tuple[int | str, ...], str]] = [
    ([], (), "the last rule"),
    ([{"keywords": "a", "say": "b"}], (), "the last rule"),
    ([ELSE, {"keywords": "a", "say": "b"}], (), "the last rule"),
    ([ELSE, ELSE], (), "the last rule"),
    ([{"say": []}], ("rules", 0), "needs something to `say`"),
    ([{"say": "{name}"}], ("rules", 0), r"uses {name}"),
    ([{"pattern": ["(a)", "b"], "say": "{1}"}, ELSE], ("rules", 0), r"uses {1}, but 'b' has no such group"),
    ([{"pattern": "(", "say": "a"}, ELSE], ("rules", 0, "pattern", 0), "not a regular expression"),
    ([{"patterns": "a", "say": "a"}, ELSE], ("rules", 0, "patterns"), "Unexpected"),
    (3, ("rules",), "list"),
]


@pytest.mark.parametrize(("rules", "where", "says"), WRONG)
def test_wrong_rules_are_told_with_their_place(rules: Any, where: tuple[int | str, ...], says: str) -> None:
    assert says in mistakes(rules)[where]


def test_a_rule_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("rules:\n  - {keywords: [yes, no], say: Indeed.}\n  - say: What?\n")
    assert answer(brain(str(path)), "oh yes") == "Indeed."


def test_a_changed_rule_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("rules: [{say: One.}]")
    assert answer(brain(str(path)), "") == "One."
    path.write_text("rules: [{say: Two.}]")
    os.utime(path, (1, 1))
    assert answer(brain(str(path)), "") == "Two."


def test_every_mistake_in_a_rule_file_has_its_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("rules:\n  - pattern: '('\n    say: a\n  - {keyword: [b], say: 24}\n  - say: '{x}'\n")
    told = mistakes(str(path))[("rules",)]
    for place, says in ((":2:14: ", "not a regular"), (":4:15: ", "keyword"), (":4:25: ", "say"), (":5:5: ", "{x}")):
        assert f"{path}{place}" in told
        assert says in told
    assert "Value error" not in told.removeprefix("Value error, ")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("rules:\n - say: a\n  b: c\n", ":3:"),
        ("- say: a\n", "under `rules:`"),
        ("", "under `rules:`"),
        ("rules: \x00", "U+0000"),
        (None, "is a directory"),
    ],
)
def test_a_file_that_is_no_rule_file_is_told(tmp_path: Path, content: str | None, says: str) -> None:
    path = tmp_path / "rules.yaml"
    path.mkdir() if content is None else path.write_text(content)
    assert says in mistakes(str(path))[("rules",)]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "no file" in mistakes(str(tmp_path / "none.yaml"))[("rules",)]


@pytest.mark.parametrize(
    ("heard", "says"),
    [
        ("Hello!", "this is Oak Dental"),
        ("What are your opening hours?", "from eight in the morning"),
        ("When do you open?", "from eight in the morning"),
        ("Are you open on Saturday?", "closed at the weekend"),
        ("Where are you?", "Elm Street"),
        ("I would like to book an appointment.", "Which day"),
        ("Can I get an appointment for Tuesday?", "Tuesday, gladly."),
        ("In the morning, please.", "In the morning, then."),
        ("My name is Ann.", "Thank you, Ann."),
        ("I need to cancel my appointment.", "when was the appointment"),
        ("I broke it and I'm in a lot of pain", "come straight in"),
        ("How much is a check-up?", "sixty dollars"),
        ("Thanks, bye", "goodbye"),
        ("Do you sell bicycles?", "I did not get that"),
    ],
)
def test_the_front_desk_answers_what_callers_ask(heard: str, says: str) -> None:
    assert says in answer(brain(str(FRONT_DESK)), heard)
