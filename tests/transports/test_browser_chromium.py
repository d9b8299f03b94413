"""The page in a real Chromium, on the real server: a conversation, the keyboard, and what people are told."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.serve.served import Service, serving
from tests.transports.chromium import TIMEOUT, browsing, page_of
from tests.transports.loudness import Loudness
from voicegraph.audio.wav import read_wav, write_wav
from voicegraph.node import node_type
from voicegraph.serve.limits import Limits

ROOT = Path(__file__).parents[2]
RATE = 48_000
ANSWER = (
    "On Saturdays we are open from nine in the morning. We close at noon, and there is a dentist on call until six."
)
GRAPH = f"""
name: dental
nodes:
  line: {{use: browser.call, with: {{title: "Oak & Dental", greeting: "Good morning."}}}}
  stt:
    use: {node_type(Loudness).name}
    with: {{texts: ["When do you open on Saturdays?", "Sorry, I meant Sundays."]}}
  aggregator: {{use: aggregator, with: {{end_silence: 200ms, speculate: true}}}}
  brain:
    use: rules.chat
    with: {{rules: [{{keywords: [saturdays], say: "{ANSWER}"}}, {{say: "On Sundays we are closed."}}]}}
  sentences: sentences
  tts: tone.tts
flow: line -> stt -> aggregator -> brain -> sentences -> tts -> line
"""


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A question, and while it is answered another."""
    path = tmp_path_factory.mktemp("microphone") / "caller.wav"
    voice = read_wav(ROOT / "examples" / "question.wav", RATE)[: 2 * RATE]
    write_wav(path, _silence(1.5) + voice + _silence(2.5) + voice + _silence(10.0), RATE)
    return path


@pytest.fixture(scope="module")
def browser(microphone: Path) -> Iterator[Browser]:
    with browsing(microphone) as browser:
        yield browser


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving(GRAPH) as service:
        yield service


@pytest.fixture
def page(browser: Browser, service: Service) -> Generator[Page]:
    """Fails a test in which anything goes wrong inside the page."""
    with page_of(browser, service.port) as (page, wrong):
        yield page
    assert wrong == []


@pytest.fixture(scope="module")
def talked(browser: Browser, service: Service) -> Iterator[Page]:
    """Somebody has spoken, was answered, has interrupted, and was answered again. The call goes on."""
    with page_of(browser, service.port, reduced_motion="reduce") as (page, wrong):
        page.get_by_role("button", name="Start the call").click()
        page.locator(".agent s").wait_for()
        expect(page.locator(".agent .words").last).to_have_text("On Sundays we are closed.", timeout=TIMEOUT)
        yield page
    assert wrong == []


def _silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


def test_the_words_of_both_are_shown_in_their_order(talked: Page) -> None:
    expect(talked.get_by_role("heading", level=1)).to_have_text("Oak & Dental")
    who = [each.inner_text() for each in talked.locator("#transcript .who").all()]
    assert who == ["Agent", "You", "Agent", "You", "Agent"]
    assert [words.inner_text() for words in talked.locator(".caller .words").all()] == [
        "When do you open on Saturdays?",
        "Sorry, I meant Sundays.",
    ]
    assert talked.locator("#transcript li").nth(2).locator(".took").inner_text().endswith(" ms")


def test_words_that_were_not_heard_are_struck_out(talked: Page) -> None:
    interrupted = talked.locator("#transcript li").nth(2)
    heard = interrupted.locator(".words > span").first.inner_text().split()
    lost = interrupted.locator("s").inner_text().replace("(not heard:", "").replace(")", "").split()
    assert [*heard, *lost] == ANSWER.split()
    assert len(heard) >= 3
    assert interrupted.locator(".why").inner_text() == "interrupted"
    assert "Agent, interrupted: On Saturdays" in talked.get_by_role("log").inner_text()


def test_the_graph_is_drawn_with_the_time_of_each_node(talked: Page) -> None:
    names = [cell.inner_text() for cell in talked.locator("tbody .name").all()]
    assert names == ["line", "stt", "aggregator", "brain", "sentences", "tts", "line"]
    assert talked.locator(".wires path").count() == 6
    assert talked.locator("tr[data-node=stt] .bar").count() >= 1
    total = _ms(talked.locator("#answer strong").inner_text())
    parts = [_ms(text) for cell in talked.locator("tbody .ms").all() if (text := cell.inner_text())]
    assert abs(sum(parts) - total) <= len(parts)


def _ms(text: str) -> int:
    return int(text.removesuffix(" ms").replace(",", ""))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_with_a_call(talked: Page, scheme: Literal["light", "dark"]) -> None:
    talked.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    assert _faults(talked) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_before_the_call(page: Page, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    assert _faults(page) == []


def test_on_a_telephone_nothing_is_wider_than_the_screen(talked: Page) -> None:
    talked.set_viewport_size({"width": 360, "height": 740})
    assert talked.evaluate("document.documentElement.scrollWidth") == 360


def test_the_keyboard_is_enough(page: Page) -> None:
    focused = page.locator(":focus")
    for _ in range(2):  # the transcript, which can be scrolled, and the button
        page.keyboard.press("Tab")
    expect(focused).to_have_text("Start the call")
    page.keyboard.press("Enter")
    expect(focused).to_have_text("Mute")
    page.keyboard.press("Space")
    expect(focused).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("status")).to_have_text("Speaking")  # the greeting
    expect(page.get_by_role("status")).to_have_text("You are muted")
    page.wait_for_timeout(2_500)  # the caller's first question goes by
    assert page.locator("#transcript .caller").count() == 0
    page.keyboard.press("Tab")
    expect(focused).to_have_text("Hang up")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Call ended")
    expect(focused).to_have_text("Call again")


def _faults(page: Page) -> list[str]:
    """What axe, the checker of accessibility, has to say of the page as it is."""
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text())
    found = page.evaluate("axe.run().then(({violations}) => violations.map(({id, nodes}) => id + ' ' + nodes[0].html))")
    return [str(each) for each in found]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("new DOMException('', 'NotAllowedError')", "The microphone is blocked."),
        ("new DOMException('', 'NotFoundError')", "No microphone was found."),
    ],
)
def test_a_microphone_that_cannot_be_had_is_told_in_plain_words(page: Page, fault: str, told: str) -> None:
    page.evaluate(f"() => {{ navigator.mediaDevices.getUserMedia = () => Promise.reject({fault}) }}")
    page.get_by_role("button", name="Start the call").click()
    expect(page.get_by_role("alert")).to_contain_text(told)
    expect(page.get_by_role("status")).to_have_text("Not in a call")
    expect(page.get_by_role("button", name="Start the call")).to_be_visible()


def test_who_cannot_be_taken_is_told_so_before_the_microphone_is_asked_for(browser: Browser) -> None:
    with serving(GRAPH, limits=Limits(max_calls=0, drain=0.1)) as busy, page_of(browser, busy.port) as (page, _):
        page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => { window.asked = true } }")
        page.get_by_role("button", name="Start the call").click()
        expect(page.get_by_role("alert")).to_contain_text("All lines are busy.")
        assert page.evaluate("window.asked") is None
