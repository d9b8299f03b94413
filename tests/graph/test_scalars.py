"""What plain YAML scalars mean."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.graph.reading import chat, mistakes, read
from voicegraph.graph.scalars import meaning


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("true", True), ("False", False),
        ("0", 0), ("-7", -7), ("0o12", 10), ("0xFF", 255), ("1.5", 1.5), ("-.5", -0.5), ("1e3", 1000.0), ("2.", 2.0),
        ("-.inf", -math.inf), ("+1.5", 1.5),
    ],
)  # fmt: skip
def test_core_schema(text: str, value: object) -> None:
    found = meaning(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        "on", "off", "yes", "no", "y", "012", "+15551234567", "1_000", "0b11", "1:30", "2026-11-22", "0o8", "0x", "-",
        ".", "1e", "nova-3", "NULl", "tRue", "--1", "1.2.3", "<<", "=",
    ],
)  # fmt: skip
def test_what_yaml_1_1_took_for_something_else_is_text(text: str) -> None:
    assert meaning(text) == text


def test_not_a_number() -> None:
    assert math.isnan(float(str(meaning(".nan"))))


@given(st.integers())
def test_every_integer_is_read_back(number: int) -> None:
    assert meaning(str(number)) in (number, str(number))  # of more than 100 digits: text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_read_back(number: float) -> None:
    assert meaning(repr(number)) == number


@pytest.mark.parametrize("written", ["4.10", "on", "012", "+4930123456", "0o12", "true", "1e3", "2026-11-22"])
def test_a_field_of_text_gets_a_plain_scalar_as_it_is_written(written: str) -> None:
    graph = read(chat(f"llm: {{use: t.llm, with: {{model: {written}}}}}"))
    assert graph.nodes["llm"].config["model"] == written


def test_null_is_no_text() -> None:
    found = mistakes(chat("llm: {use: t.llm, with: {model: }}"))
    assert [each.message for each in found] == ["`model` should be a valid string"]


@pytest.mark.parametrize(("written", "value"), [("012", 12), ("+5", 5), ("0o17", 15), ("7", 7)])
def test_a_field_of_numbers_takes_what_is_one(written: str, value: int) -> None:
    graph = read(chat(f"llm: {{use: t.llm, with: {{effort: {written}}}}}"))
    made = graph.nodes["llm"].kind.configure(graph.nodes["llm"].config)
    assert made.effort == value
