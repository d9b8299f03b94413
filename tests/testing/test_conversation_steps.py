"""Every kind of step: what it does when it happens, and what is told when it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.testing.desk import BARGE_IN, GRAPH, OPEN, TALK, call_file, happened, run, told
from voicegraph.testing.conversations import Outcome

LONG = "This is a very long story that I have told to many callers before you."
HELLO = f"""\
- agent: "Oak Dental, good morning."
- caller: "Hello there"
- agent: "{LONG}"
"""


def passed(outcome: Outcome) -> Outcome:
    assert told(outcome) == []
    return outcome


def times(outcome: Outcome, who: str) -> list[tuple[float, float | None]]:
    return [(row.start, row.end) for row in outcome.timeline if row.who == who]


# --- the conversation -----------------------------------------------------------------------------------------------


def test_a_conversation_with_an_interruption(tmp_path: Path) -> None:
    outcome = passed(run(call_file(tmp_path, BARGE_IN)))
    assert happened(outcome, "caller") == ["When do you open?", "And on Sundays?"]
    assert happened(outcome, "agent") == [
        "Oak Dental, good morning.",
        "From nine to [five on weekdays, and on Saturdays until noon.]",
        "We are closed on Sundays.",
    ]
    assert happened(outcome, "turn") == happened(outcome, "caller")
    assert happened(outcome, "interrupt") == ["barge-in"]


def test_the_caller_lets_the_agent_finish(tmp_path: Path) -> None:
    outcome = passed(run(call_file(tmp_path, TALK)))
    ((_, greeted), _), ((spoke, _),) = times(outcome, "agent"), times(outcome, "caller")
    assert greeted is not None
    assert 0 <= spoke - greeted <= 0.04


def test_the_caller_does_not_wait_behind_an_after(tmp_path: Path) -> None:
    outcome = passed(run(call_file(tmp_path, BARGE_IN)))
    (_, (began, ended), _), (_, (interrupted, _)) = times(outcome, "agent"), times(outcome, "caller")
    assert ended is not None
    assert began + 0.8 <= interrupted <= began + 0.84
    assert interrupted < ended


def test_the_greeting_need_not_be_a_step(tmp_path: Path) -> None:
    passed(run(call_file(tmp_path, f'- caller: "When do you open?"\n- agent: "{OPEN}"\n')))


def test_the_answer_to_the_last_step_is_heard_too(tmp_path: Path) -> None:
    """Nobody says what it is, so the scripted brain says nothing; a brain that needs nothing answers by itself."""
    graph = GRAPH.replace("llama.chat", "{use: echo.chat, with: {prefix: 'You said: '}}")
    outcome = passed(run(call_file(tmp_path, '- caller: "Hello there"', graph=graph)))
    assert happened(outcome, "agent")[1:] == ["You said: Hello there"]
    assert times(outcome, "agent")[-1][1] == pytest.approx(outcome.seconds, abs=0.05)
    assert happened(run(call_file(tmp_path, '- caller: "Hello there"')), "agent")[1:] == []


def test_what_a_brain_of_the_graph_says_is_compared(tmp_path: Path) -> None:
    graph = GRAPH.replace("llama.chat", "{use: echo.chat, with: {prefix: 'You said: '}}")
    steps = '- caller: "Hello there"\n- agent: "you said hello there"'
    passed(run(call_file(tmp_path, steps, graph=graph)))
    outcome = run(call_file(tmp_path, steps.replace("you said", "you wrote"), graph=graph))
    assert told(outcome) == [("other-words", '"you wrote hello there"', 'the caller heard "You said: Hello there"')]
    assert happened(outcome, "failed") == ['the caller heard "You said: Hello there"']


def test_a_greeting_that_is_another_one(tmp_path: Path) -> None:
    outcome = run(call_file(tmp_path, TALK.replace("good morning", "good evening")))
    assert told(outcome) == [
        ("other-words", '"Oak Dental, good evening."', 'the caller heard "Oak Dental, good morning."')
    ]


def test_what_was_cut_short_is_compared_as_far_as_it_was_heard(tmp_path: Path) -> None:
    graph = GRAPH.replace("llama.chat", f"{{use: rules.chat, with: {{rules: [{{say: '{OPEN}'}}]}}}}")
    steps = f'- caller: "Hello"\n- agent: "SAYS"\n- after: {{agent_audio: 800ms}}\n- caller: "Stop"\n- agent: "{OPEN}"'
    passed(run(call_file(tmp_path, steps.replace("SAYS", "From nine to whenever we like."), graph=graph)))
    outcome = run(call_file(tmp_path, steps.replace("SAYS", "From ten to whenever we like."), graph=graph))
    assert told(outcome)[0][2].startswith('the caller heard "From nine to')
    assert told(outcome)[0][2].endswith(", and was cut short")


def test_the_agent_says_nothing(tmp_path: Path) -> None:
    outcome = run(call_file(tmp_path, f'{TALK}- agent: "And more."', rest="deadline: 5s"))
    assert told(outcome) == [("never-happened", '"And more."', "the agent said nothing more, within 5s")]
    assert outcome.timeline[-1].who == "failed"


# --- waiting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "heard"),
    [
        ("agent_audio: 800ms", "This is a"),
        ("agent_words: 5", "This is a very long"),
    ],
)
def test_after_the_agents(tmp_path: Path, after: str, heard: str) -> None:
    outcome = passed(run(call_file(tmp_path, f"{HELLO}- after: {{{after}}}\n- hang_up:")))
    assert happened(outcome, "agent")[1].partition(" [")[0] == heard


def test_after_an_interruption_the_next_reply_counts(tmp_path: Path) -> None:
    graph = GRAPH.replace("llama.chat", "{use: echo.chat, with: {prefix: 'You said: '}}")
    steps = """\
    - caller: "I have a very long story to tell, and it goes on and on."
    - after: {agent_words: 6}
    - caller: "Stop it now."
    - after: {agent_words: 3}
    - hang_up
    """
    outcome = passed(run(call_file(tmp_path, steps, graph=graph)))
    assert [text.partition(" [")[0] for text in happened(outcome, "agent")][1:] == [
        "You said: I have a very",
        "You said: Stop",
    ]


def test_after_time_counts_from_the_beginning_of_the_call(tmp_path: Path) -> None:
    outcome = passed(run(call_file(tmp_path, f"{TALK}- after: {{time: 20s}}\n- caller: Hello?")))
    assert times(outcome, "caller")[1][0] == pytest.approx(20, abs=0.04)


def test_silence(tmp_path: Path) -> None:
    outcome = passed(run(call_file(tmp_path, "- caller: Hello\n- silence: 7s\n- caller: Hello?")))
    (_, ended), (began, _) = times(outcome, "caller")
    assert ended is not None
    assert began - ended == pytest.approx(7, abs=0.04)


def test_after_a_frame(tmp_path: Path) -> None:
    steps = "- caller: Hello\n- after: {frame: UserTurn, node: aggregator}\n- hang_up"
    outcome = passed(run(call_file(tmp_path, steps)))
    ((turn, _),), (_, (hung_up, _)) = times(outcome, "turn"), times(outcome, "caller")
    assert hung_up == turn


def test_after_the_callers_audio_counts_from_its_beginning(tmp_path: Path) -> None:
    steps = '- caller: "I would like to know a great many things."\n- after: {caller_audio: 700ms}\n- dtmf: "1"'
    outcome = passed(run(call_file(tmp_path, steps)))
    (began, ended), (pressed, _) = times(outcome, "caller")
    assert ended is not None
    assert pressed - began == pytest.approx(0.7, abs=0.001)
    assert pressed < ended


def test_a_fault_may_stand_before_the_after(tmp_path: Path) -> None:
    steps = """\
    - caller: "I would like to know a great many things."
    - fault: {node: llm, kind: hang}
    - after: {caller_audio: 700ms}
    - hang_up
    """
    (began, _), (hung_up, _) = times(passed(run(call_file(tmp_path, steps))), "caller")
    assert hung_up - began == pytest.approx(0.7, abs=0.001)


def test_a_cough_is_no_word_and_its_beginning_counts_too(tmp_path: Path) -> None:
    steps = f"{HELLO}- after: {{agent_words: 2}}\n- cough: 100ms\n- after: {{agent_words: 4}}\n- hang_up:"
    outcome = passed(run(call_file(tmp_path, steps, "{frames: {SpeechStarted: 2, UserTurn: 1}, interrupts: 0}")))
    assert happened(outcome, "caller") == ["Hello there", "(coughs)", "(hangs up)"]
    assert happened(outcome, "stt") == []
    steps = "- cough: 400ms\n- after: {caller_audio: 300ms}\n- hang_up:"
    (began, _), (hung_up, _) = times(passed(run(call_file(tmp_path, steps))), "caller")
    assert hung_up - began == pytest.approx(0.3, abs=0.001)


def test_keys(tmp_path: Path) -> None:
    outcome = passed(run(call_file(tmp_path, '- dtmf: "1 2#"\n- silence: 1s', "{frames: {line.Dtmf: 3}}")))
    assert happened(outcome, "caller") == ["[1][2][#]"]


def test_keys_may_be_answered_too(tmp_path: Path) -> None:
    graph = GRAPH.replace("file.call", "t.line").replace("  llm:", "  keypad: t.keypad\n  llm:")
    graph += "  - line -> keypad -> tts\n"
    outcome = passed(run(call_file(tmp_path, '- dtmf: "7"', graph=graph)))
    assert happened(outcome, "agent")[1:] == ["You pressed 7."]


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ("{agent_audio: 9s}", "the agent was heard for 5.02 s, within 5s"),
        ("{agent_words: 40}", f'the caller heard "{LONG}", within 5s'),
        ("{frame: ToolCall}", "no ToolCall was given, within 5s"),
        ("{frame: UserTurn}", "no UserTurn was given, within 5s"),
        ("{frame: UserTurn, node: llm}", "no UserTurn was given by `llm`, within 5s"),
    ],
)
def test_what_never_happens_ends_at_the_deadline(tmp_path: Path, after: str, message: str) -> None:
    outcome = run(call_file(tmp_path, f"{HELLO}- after: {after}", rest="deadline: 5s"))
    ((code, under, said),) = told(outcome)
    assert (code, said) == ("never-happened", message)
    assert under in after
    began = [row.start for row in outcome.timeline if row.who == "agent"][-1]
    assert outcome.seconds == pytest.approx(began + 5, abs=0.1)


def test_the_usual_deadline_is_30_seconds(tmp_path: Path) -> None:
    outcome = run(call_file(tmp_path, "- after: {frame: ToolCall}"))
    assert 30 <= outcome.seconds < 30.1


def test_no_utterance_is_so_long(tmp_path: Path) -> None:
    outcome = run(call_file(tmp_path, '- caller: "Hello"\n- after: {caller_audio: 2s}'))
    ((code, under, message),) = told(outcome)
    assert (code, under) == ("never-happened", "2s")
    assert message.startswith("what the caller says takes 0.")


def test_an_agent_who_goes_on_and_on(tmp_path: Path) -> None:
    outcome = run(call_file(tmp_path, f"{HELLO}- caller: Stop", rest="deadline: 2s"))
    assert told(outcome) == [
        ("never-happened", "Stop", "the agent was not done, so the caller could not begin, within 2s")
    ]
    outcome = run(call_file(tmp_path, HELLO, rest="deadline: 2s"))
    assert told(outcome) == [("never-happened", f'"{LONG}"', "the agent was not done with its answer, within 2s")]


# --- the end --------------------------------------------------------------------------------------------------------

HANGS_UP = GRAPH.replace("  llm:", "  ender: t.hangs_up\n  llm:") + "  - aggregator -> ender\n"


def test_the_caller_hangs_up(tmp_path: Path) -> None:
    outcome = passed(run(call_file(tmp_path, f"{HELLO}- after: {{agent_words: 2}}\n- hang_up:", "{ended: caller}")))
    assert outcome.seconds < 5


def test_nothing_happens_when_the_caller_has_hung_up(tmp_path: Path) -> None:
    outcome = run(call_file(tmp_path, f'{HELLO}- hang_up:\n- caller: "Are you there?"'))
    assert told(outcome) == [("call-ended", '"Are you there?"', "the call ended before this")]


def test_the_agent_hangs_up(tmp_path: Path) -> None:
    steps = f"{TALK}- caller: Goodbye!"
    passed(run(call_file(tmp_path, steps, "{ended: agent}", graph=HANGS_UP)))
    outcome = run(call_file(tmp_path, f"{steps}\n- agent: Goodbye.", graph=HANGS_UP))
    assert told(outcome) == [("call-ended", "Goodbye.", "the call ended before this")]


# --- faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["error", "hang"])
def test_a_fault_costs_a_turn(tmp_path: Path, kind: str) -> None:
    steps = f"""\
    - fault: {{node: llm, kind: {kind}}}
    - caller: "Hello there"
    - silence: 3s
    - caller: "Are you there?"
    - agent: "Yes, I am."
    """
    outcome = passed(run(call_file(tmp_path, steps)))
    assert happened(outcome, "test") == [f"llm: {kind}"]
    assert len(happened(outcome, "fault")) == (kind == "error")


def test_a_fault_in_the_middle(tmp_path: Path) -> None:
    steps = f"""\
    - fault: {{node: tts, kind: die, after: 600ms, count: 1}}
    {indented(HELLO)}
    """
    outcome = passed(run(call_file(tmp_path, steps, "{heard: ['Oak Dental, good morning.', 'This is']}")))
    assert happened(outcome, "agent")[1] == f"This is [{LONG.removeprefix('This is ')}]"


def test_a_fault_stands_between_no_step_and_the_one_before(tmp_path: Path) -> None:
    """The caller still waits for the agent behind an `agent` and a `fault`."""
    steps = '- agent: "Oak Dental, good morning."\n- fault: {node: tts, kind: silence}\n- caller: "Hello"'
    ((_, greeted),), ((began, _),) = (
        times(outcome := passed(run(call_file(tmp_path, steps))), "agent"),
        times(outcome, "caller"),
    )
    assert greeted is not None
    assert began >= greeted


def test_a_pause_is_a_row_with_an_end(tmp_path: Path) -> None:
    graph = GRAPH.replace("  llm:", "  pauser: t.pauses\n  llm:") + "  - vad -> pauser\n"
    steps = f"{HELLO}- after: {{agent_words: 3}}\n- cough: 100ms\n- after: {{agent_words: 9}}\n- hang_up:"
    outcome = passed(run(call_file(tmp_path, steps, graph=graph)))
    began, ended = times(outcome, "pause")[-1]
    assert ended is not None
    assert 0.1 < ended - began < 0.3


def test_an_interrupt_ends_a_pause(tmp_path: Path) -> None:
    graph = GRAPH.replace("  llm:", "  pauser: t.pauses\n  llm:") + "  - vad -> pauser\n"
    outcome = passed(run(call_file(tmp_path, BARGE_IN, graph=graph)))
    assert times(outcome, "pause")[-1][1] == times(outcome, "interrupt")[0][0]


def indented(steps: str) -> str:
    return steps.replace("\n", "\n    ").strip()
