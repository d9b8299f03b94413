"""The page as a file: whole, closed to the outside, and proof against the names and the words that it shows."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

import voicegraph
from tests.observe.results import plausible_result
from tests.observe.timelines import NASTY, plausible, timelines
from voicegraph.errors import VoicegraphError
from voicegraph.observe.page import Report, render, write
from voicegraph.observe.page.document import SCRIPTS, shown
from voicegraph.observe.timeline import Node, Timeline, Turn

PACKAGE = Path(voicegraph.__file__).parent
PAGE = PACKAGE / "observe" / "page"


class Read(HTMLParser):
    """What a browser finds in the file: elements, and the text of those that are not shown as they stand."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._raw = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._raw = tag if tag in ("script", "style", "title", "h1") else ""

    def handle_endtag(self, tag: str) -> None:
        self._raw = ""

    def handle_data(self, data: str) -> None:
        if self._raw:
            self.texts.append((self._raw, data))

    def data(self) -> Any:
        return msgspec.json.decode(next(text for tag, text in self.texts if tag == "script"))


def test_the_policy_lets_in_what_is_in_the_file_and_nothing_else() -> None:
    page = Read(render(Report("a", plausible(3))))
    policy = next(each["content"] for tag, each in page.tags if tag == "meta" and "http-equiv" in each) or ""
    rules = {name: values for name, *values in (rule.split() for rule in policy.split(";"))}
    _, *scripts = [text for tag, text in page.texts if tag == "script"]
    assert len(scripts) == len(SCRIPTS)
    assert rules["default-src"] == ["'none'"]
    assert rules["script-src"] == [_digest(text) for text in scripts]
    assert rules["style-src"] == [_digest(text) for tag, text in page.texts if tag == "style"]


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def test_it_needs_nothing_from_elsewhere() -> None:
    text = render(Report("a", plausible_result(), plausible_result(1)))
    assert set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text)) <= {"http://www.w3.org"}
    for _, attributes in Read(text).tags:
        for name in ("src", "href"):
            assert re.match(r"#|data:", attributes.get(name) or "#")
        assert not {"style", "onclick", "onload"} & attributes.keys()


@given(timelines())
@settings(max_examples=60, deadline=None)
def test_no_name_and_no_word_becomes_markup(timeline: Timeline) -> None:
    report = Report(timeline.graph, timeline)
    page, plain = Read(render(report)), Read(render(Report("plain", Timeline(graph="plain"))))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    assert page.data() == msgspec.json.decode(msgspec.json.encode(shown(report)))


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_title_is_text(name: str) -> None:
    page = Read(render(Report(name, Timeline(graph=name, nodes=(Node(name=name, use=name),)))))
    assert "".join(text for tag, text in page.texts if tag == "title").strip("\n") == name


def test_braces_in_what_is_shown_are_left_alone() -> None:
    timeline = Timeline(graph="{{data}} {{nobody}}", turns=(Turn(turn=1, began=0.0, asked="{{scripts}}"),))
    assert Read(render(Report(timeline.graph, timeline))).data()["contents"]["turns"][0]["asked"] == "{{scripts}}"


def test_nothing_that_was_said_is_in_it_unless_the_timeline_has_it() -> None:
    assert "Saturdays" not in render(Report("a", plausible(8)))
    assert "Saturdays" in render(Report("a", plausible(8, words=True)))


def test_every_script_is_used_and_strict() -> None:
    assert sorted(path.name for path in (PAGE / "scripts").iterdir()) == sorted(SCRIPTS)
    for name in SCRIPTS:
        text = (PAGE / "scripts" / name).read_text()
        assert text.startswith('"use strict";')
        assert not re.findall(r"innerHTML|insertAdjacentHTML|document\.write|\beval\b", text), name


def test_its_colours_are_those_of_the_page_of_a_call() -> None:
    ours, theirs = (_colours(path) for path in (PAGE / "style.css", PACKAGE / "web" / "style.css"))
    common = ours.keys() & theirs.keys()
    assert {"--paper", "--card", "--ink", "--caller", "--agent", "--stop"} <= common
    assert {name: ours[name] for name in common} == {name: theirs[name] for name in common}


def _colours(style: Path) -> dict[str, list[str]]:
    """By name, in light and in dark."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"(--[\w-]+): (#\w+);", style.read_text()):
        found.setdefault(name, []).append(value)
    return found


def test_it_says_how_it_was_measured() -> None:
    facts = {fact.name: fact.value for fact in shown(Report("a", plausible_result())).facts}
    assert facts["command"] == "voicegraph bench graphs/front_desk.yaml"
    assert facts["calls"].startswith("12 in 6 rounds, ")
    assert "2 cores" in facts["machine"]
    assert facts["memory"] == "123 MB at most"


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(VoicegraphError, match=r"cannot write .*nowhere"):
        write(Report("a", plausible(2)), tmp_path / "nowhere" / "a.html")
