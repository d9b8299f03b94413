"""What goes wrong around the page in a real Chromium: fingers, microphones, sound that is stopped, servers that go."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.serve.served import Service, serving
from tests.transports.chromium import TIMEOUT, browsing, page_of
from tests.transports.page import ECHO

GREETING = "Good morning, this is Oak Dental. How can I help you?"
GRAPH = ECHO.replace("line: browser.call", f'line: {{use: browser.call, with: {{greeting: "{GREETING}"}}}}')

WATCHED = """
window.contexts = [];
window.AudioContext = class extends AudioContext {
  constructor(options) { super(options); window.contexts.push(this); }
};
window.microphones = [];
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  if (window.asked) await new Promise((allow) => { window.allow = allow; });
  if (window.unplugged) throw new DOMException("", "NotFoundError");
  const microphone = await open(wanted);
  window.microphones.push(microphone);
  return microphone;
};
window.skew = 0;
const now = performance.now.bind(performance);
performance.now = () => now() + window.skew;
"""
"""So that a test can look at what the page has opened, and take it away."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving(GRAPH) as service:
        yield service


@pytest.fixture
def page(browser: Browser, service: Service) -> Generator[Page]:
    """Fails a test in which anything goes wrong inside the page."""
    with page_of(browser, service.port) as (page, wrong):
        page.evaluate(WATCHED)
        yield page
    assert wrong == []


def start(page: Page) -> None:
    page.get_by_role("button", name="Start the call").click()


def state_is(page: Page, text: str) -> None:
    expect(page.get_by_role("status")).to_have_text(text, timeout=TIMEOUT)


def until(page: Page, condition: str) -> None:
    """Playwright's own waiting needs `eval`, which the page's policy forbids."""
    for _ in range(TIMEOUT // 20):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(20)
    raise AssertionError(condition)


def test_a_double_click_does_not_hang_up_what_it_has_started(page: Page) -> None:
    start(page)
    state_is(page, "Speaking")
    page.get_by_role("button", name="Hang up").press("Enter")
    state_is(page, "Call ended")
    again = page.get_by_role("button", name="Call again").bounding_box()
    assert again is not None
    for place in (0.1, 0.5, 0.9):  # one of the two buttons that come there is Hang up
        page.mouse.dblclick(again["x"] + place * again["width"], again["y"] + again["height"] / 2)
        state_is(page, "Speaking")
        expect(page.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "false")
        page.wait_for_timeout(700)  # no longer a part of the double click
        page.get_by_role("button", name="Hang up").click()
        state_is(page, "Call ended")


def test_while_the_browser_asks_for_the_microphone_it_is_told_so(page: Page) -> None:
    page.evaluate("window.asked = true")
    start(page)
    state_is(page, "Microphone?")
    expect(page.get_by_role("alert")).to_contain_text("Allow it, and the call begins.")
    page.evaluate("window.allow()")
    state_is(page, "Speaking")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_who_hangs_up_while_the_browser_asks_is_not_listened_to(page: Page) -> None:
    sockets: list[object] = []
    page.on("websocket", lambda socket: sockets.append(socket))
    page.evaluate("window.asked = true")
    start(page)
    state_is(page, "Microphone?")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # Hang up
    state_is(page, "Not in a call")
    page.evaluate("window.allow()")
    until(page, "window.microphones.length && !window.microphones[0].active")
    assert sockets == []


def test_sound_that_the_browser_has_stopped_goes_on(page: Page) -> None:
    start(page)
    state_is(page, "Speaking")
    page.evaluate("contexts[0].suspend()")
    until(page, "contexts[0].state === 'running'")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_sound_that_the_browser_will_not_play_without_a_click_waits_for_one(page: Page) -> None:
    start(page)
    state_is(page, "Speaking")
    page.evaluate("() => { contexts[0].resume = () => Promise.reject(new Error('not allowed')) }")
    page.evaluate("contexts[0].suspend()")
    expect(page.get_by_role("alert")).to_contain_text("has paused the sound")
    page.evaluate("() => { delete contexts[0].resume }")
    page.keyboard.press("Shift")
    until(page, "contexts[0].state === 'running'")
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.get_by_role("status")).to_have_text("Listening", timeout=TIMEOUT)  # it was said to its end


def unplug(page: Page) -> None:
    page.evaluate("microphones.at(-1).getTracks().forEach((t) => { t.stop(); t.dispatchEvent(new Event('ended')) })")


def test_when_the_microphone_is_unplugged_the_next_one_is_taken(page: Page) -> None:
    start(page)
    state_is(page, "Speaking")
    page.get_by_role("button", name="Mute").click(delay=700)
    unplug(page)
    until(page, "window.microphones.length === 2")
    assert page.evaluate("microphones[1].getAudioTracks()[0].enabled") is False  # muted it stays
    page.get_by_role("button", name="Mute").click()
    canvas = "document.getElementById('scope')"
    blank = page.evaluate(f"{canvas}.toDataURL()")
    until(page, f"{canvas}.toDataURL() !== '{blank}'")
    state_is(page, "Listening")


def test_when_there_is_no_other_microphone_the_call_ends_and_says_why(page: Page) -> None:
    start(page)
    state_is(page, "Speaking")
    page.evaluate("window.unplugged = true")
    unplug(page)
    state_is(page, "Call ended")
    expect(page.get_by_role("alert")).to_contain_text("The microphone is gone.")
    cut = page.locator("li.agent")
    expect(cut).to_have_attribute("data-state", "cut")
    assert "Agent, cut off" in page.get_by_role("log").inner_text()


def test_a_server_that_says_nothing_any_more_is_gone(page: Page) -> None:
    heard: list[str | bytes] = []

    def answer(socket: WebSocketRoute) -> None:
        socket.on_message(lambda message: heard.append(message))
        socket.send('{"type": "hello", "rate": 16000, "details": true}')

    page.route_web_socket("**/browser", answer)
    page.reload()
    page.evaluate(WATCHED)
    start(page)
    state_is(page, "Listening")
    page.evaluate("window.skew = 14000")
    page.wait_for_timeout(200)
    state_is(page, "Listening")
    page.evaluate("window.skew = 16000")
    state_is(page, "Call ended")
    expect(page.get_by_role("alert")).to_contain_text("The connection broke.")
    assert heard


def test_a_tab_in_the_background_keeps_no_drawings_for_later(page: Page) -> None:
    page.evaluate("() => { window.waiting = 0; window.requestAnimationFrame = () => { window.waiting += 1 } }")
    start(page)
    state_is(page, "Speaking")
    state_is(page, "Listening")  # after some seconds of sound
    assert page.evaluate("window.waiting") == 1


def test_a_node_lights_up_when_it_gives_something_and_goes_out_again(page: Page) -> None:
    start(page)
    lit = page.locator("tr[data-node=tts].lit")
    expect(lit).to_have_count(1)
    state_is(page, "Listening")
    expect(lit).to_have_count(0)


def test_the_screen_stays_on_as_long_as_the_call_lasts(page: Page) -> None:
    page.evaluate("""() => {
      window.locks = [];
      const request = async () => {
        locks.push({ released: false, release() { this.released = true; } });
        return locks.at(-1);
      };
      Object.defineProperty(navigator, "wakeLock", { value: { request } });
    }""")
    start(page)
    state_is(page, "Speaking")
    page.keyboard.press("Shift")
    assert page.evaluate("locks.map(({ released }) => released)") == [False]
    page.get_by_role("button", name="Hang up").press("Enter")
    state_is(page, "Call ended")
    assert page.evaluate("locks.map(({ released }) => released)") == [True]


def test_a_long_title_pushes_nothing_off_a_small_screen(browser: Browser) -> None:
    title = "Practice of Dentists and Orthodontists of Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"
    graph = ECHO.replace("line: browser.call", f"line: {{use: browser.call, with: {{title: {title}}}}}")
    with serving(graph) as service, page_of(browser, service.port) as (page, _):
        page.set_viewport_size({"width": 320, "height": 640})
        start(page)
        state_is(page, "Listening")
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        expect(page.get_by_role("button", name="Hang up")).to_be_in_viewport(ratio=1)


def test_a_second_call_begins_with_an_empty_page(page: Page) -> None:
    start(page)
    state_is(page, "Speaking")
    state_is(page, "Listening")
    page.get_by_role("button", name="Hang up").click()
    state_is(page, "Call ended")
    page.evaluate("() => { window.asked = true }")
    page.get_by_role("button", name="Call again").click()
    state_is(page, "Microphone?")
    expect(page.locator("#transcript li")).to_have_count(1)  # what was said stays until there is another call
    page.evaluate("window.allow()")
    state_is(page, "Speaking")
    expect(page.locator("#transcript li")).to_have_count(1)
    expect(page.locator("#transcript li")).to_have_attribute("data-state", "open")
    expect(page.locator("#answer")).to_contain_text("is shown here")
