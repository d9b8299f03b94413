"""dead_air.json and chaos.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.report.document import Document, figure, plot, table
from benchmarks.report.plots import Bar, Panel, Span, bar, kind_of, svg

Made = tuple[dict[str, str], dict[str, str]]
Row = Mapping[str, Any]

VOICE_FAULTS = {
    "error": "error at once",
    "hang": "hang",
    "death": "reset in mid-reply",
    "freeze": "no byte more in mid-reply",
}
WAYS = {"documented": "as documented", "tuned": "tuned", "sentences": "a request for each sentence"}
THINKS = {
    "error": "503",
    "hang": "hang (`timeout: 3s`)",
    "stall": "stall after two words",
    "drop": "reset after two words",
    "late": "reset after 30 words",
    "down": "everything down",
}


def dead_air(document: Document) -> Made:
    results = document["results"]
    voices: Sequence[Row] = [row for row in results["voices"] if row["fault"] in VOICE_FAULTS]
    ours = [row for row in voices if row["contender"] == "voicegraph" and row["way"] == "cloud.yaml"]
    rivals = [row for row in voices if row["contender"] != "voicegraph"]
    blocks = {
        "dead-air": f"{plot('dead-air', 'Silence and lost speech, by fault')}\n\n{_ours(ours)}",
        "dead-air-rivals": _rivals(rivals, document),
        "dead-air-thinks": _thinks(results["thinks"]),
        "dead-air-hears": _hears(results["hears"]),
    }
    panels = [
        Panel(
            f"{what}: seconds of dead air, and of speech that was lost (in red)",
            [_bar(row) for row in (*ours, *rivals) if row["fault"] == fault],
        )
        for fault, what in VOICE_FAULTS.items()
    ]
    return blocks, {"dead-air": svg("What the caller hears when a voice fails: p50", panels)}


def _bar(row: Row) -> Bar:
    silent, lost = max(0.0, row["added_dead_air_s"]["p50"]), row["seconds_lost"]["p50"]
    spans = (Span(0, silent, kind_of(row["contender"])), *([Span(silent, silent + lost, "lost")] if lost else []))
    label = row["contender"] if row["contender"] == "voicegraph" else f"{row['contender']}, {WAYS[row['way']]}"
    return Bar(label, spans, f"{_silence(row)}; {figure(lost)} lost")


def _silence(row: Row) -> str:
    return "> 30" if 2 * row["silent_for_30_s"] > row["calls"] else f"{max(0.0, row['added_dead_air_s']['p50']):.2f}"


def _silences(row: Row) -> str:
    p95 = row["added_dead_air_s"]["p95"]
    return "> 30" if _silence(row) == "> 30" else f"{_silence(row)} ({max(0.0, p95):.2f})"


def _ours(rows: Sequence[Row]) -> str:
    by = {row["fault"]: row for row in rows}
    lost = (f"{by[fault]['words_lost']['max']}; {by[fault]['words_twice']['max']}" for fault in VOICE_FAULTS)
    return table(
        ("voicegraph", *VOICE_FAULTS.values()),
        [
            ("added dead air in s, p50 (p95)", *(_silences(by[fault]) for fault in VOICE_FAULTS)),
            ("words lost; words said twice, if only in part: at most in a call", *lost),
        ],
    )


def _rivals(rows: Sequence[Row], document: Document) -> str:
    versions = {"livekit": "livekit-agents", "pipecat": "pipecat-ai"}
    shown: list[Sequence[str]] = []
    for name, way in dict.fromkeys((row["contender"], row["way"]) for row in rows):
        by = {row["fault"]: row for row in rows if (row["contender"], row["way"]) == (name, way)}
        package = versions[name]
        cells = (f"{_silences(by[fault])}; {figure(by[fault]['seconds_lost']['p50'])}" for fault in VOICE_FAULTS)
        shown.append((f"{package} {document['results']['versions'][package]}, {WAYS[way]}", *cells))
    return table(("added dead air in s, p50 (p95); seconds lost of 16.3, p50", *VOICE_FAULTS.values()), shown)


def _thinks(rows: Sequence[Row]) -> str:
    by = {row["fault"]: row for row in rows}

    def each(name: str, digits: int, second: str) -> list[str]:
        found = [by[fault][name] for fault in THINKS]
        return [f"{one['p50']:.{digits}f} ({one[second]:.{digits}f})" if one else "" for one in found]

    words = [
        f"{row['words_lost']['max']}; {row['words_twice']['max']}" if row["words_lost"] else ""
        for row in (by[fault] for fault in THINKS)
    ]
    phrase = each("from_last_sign_to_phrase_s", 3, "p95")
    return table(
        ("", *THINKS.values()),
        [
            ("from the turn, or the last token, to the phrase: s, p50 (p95)", *phrase),
            ("from the decision to its first sound: ms, p50 (max)", *each("from_decision_to_sound_ms", 1, "max")),
            ("words of the answer lost; said twice, at most", *words),
        ],
    )


def _hears(rows: Sequence[Row]) -> str:
    return table(
        (
            "the connection is refused for",
            "calls",
            f"of {rows[0]['words_said']} words lost, at most",
            "twice, at most",
            "calls lost",
        ),
        [
            (row["gone_for"], row["calls"], row["words_lost"]["max"], row["words_twice"]["max"], row["calls_lost"])
            for row in rows
        ],
    )


# --- chaos -----------------------------------------------------------------------------------------------------------

STAGES = {"tts": "voice", "llm": "model", "stt": "transcriber"}
FAULTS = {
    "error": "raises at once",
    "hang": "never answers",
    "stall": "stops in the middle",
    "die": "raises in the middle",
    "silence": "ends without a sound",
    "truncate": "breaks off",
    "drop": "connection gone for 0.2-5 s",
    "deaf": "the same, noticed at the end of it",
}


def chaos(document: Document) -> Made:
    results = document["results"]
    rows: Sequence[Row] = results["faults"]
    shown = [
        (
            _stage(row),
            FAULTS[row["fault"]],
            row["calls"],
            *(f"{max(0.0, row['added_dead_air_s'][name]):.2f}" for name in ("p50", "p95", "max")),
            *(row[name] for name in ("words_lost", "words_twice", "most_words_twice", "calls_lost")),
        )
        for row in rows
    ]
    counts = ("words lost", "said twice", "most in a call", "calls lost")
    faults = table(("what fails", "how", "calls", "dead air p50", "p95", "max", *counts), shown)
    panels = [
        Panel(f"{stage}: seconds of dead air, p50, to p95", [_fault_bar(row) for row in rows if _stage(row) == stage])
        for stage in dict.fromkeys(map(_stage, rows))
    ]
    blocks = {
        "chaos": f"{plot('chaos', 'Dead air by fault')}\n\n{faults}",
        "chaos-random": _random(results["random"], results["self_check"]),
    }
    return blocks, {"chaos": svg("What is lost when anything may go wrong", panels)}


def _fault_bar(row: Row) -> Bar:
    p50, p95 = (max(0.0, row["added_dead_air_s"][name]) for name in ("p50", "p95"))
    return bar(FAULTS[row["fault"]], p50, f"{p50:.2f}, p95 {p95:.2f}", "ours", (p50, p95))


def _stage(row: Row) -> str:
    return STAGES[row["stage"]] + ("" if row["aligned"] else " without word times")


def _random(found: Row, planted: Sequence[Row]) -> str:
    """What each oracle objected to, those that had nothing to say among them."""
    oracles = dict.fromkeys([*found["by_oracle"], *(name for each in planted for name in each["by"])])
    wrong: Mapping[str, Sequence[str]] = found["wrong"]
    calls = {
        name: sum(any(told.startswith(f"{name}:") for told in each) for each in wrong.values()) for name in oracles
    }
    passed = found["passed_over"]
    judged = found["calls"] - passed["calls_whose_hearing_is_not_judged"]
    rows: list[tuple[str, object]] = [
        (f"*{name.replace('_', ' ')}*: calls in which that did not hold", f"**{count}**")
        for name, count in sorted(calls.items(), key=lambda each: -each[1])
    ]
    rows += [
        ("calls in which anything did not hold", f"**{found['calls_gone_wrong']}**"),
        ("calls in which the caller's being understood is judged", f"{judged:,}"),
        ("ended with a goodbye; by `then`", f"{found['goodbye']}; {found['escalated']}"),
        (
            "questions answered with **silence**: every voice failed, no `then` is declared, and no phrase was kept "
            "that could be said",
            passed["silent_as_every_voice_failed"],
        ),
        (
            "the same, as the graph has nothing to say of a model that fails (`say`, `sorry` and `then` are null)",
            passed["silent_as_the_graph_has_no_words"],
        ),
        (
            "callers who waited 90 s in vain, as the graph has nothing to say of words that were not understood",
            passed["calls_waited_in_vain"],
        ),
    ]
    of = f"of {found['calls']:,} calls, {found['questions']:,} questions, {found['interrupted']:,} of them interrupted"
    return table((of, ""), rows)
