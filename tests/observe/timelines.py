"""Timelines for tests: plausible ones made from a seed, and any that can be, drawn by Hypothesis."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from hypothesis import strategies as st

from voicegraph.observe.timeline import Happened, Node, Part, Stage, Timeline, Totals, Turn

NODES = (
    Node(name="line", use="file.call", kind="source"),
    Node(name="vad", use="silero.vad"),
    Node(name="stt", use="deepgram.stt"),
    Node(name="aggregator", use="aggregator"),
    Node(name="llm", use="openai.chat"),
    Node(name="sentences", use="sentences", kind="inline"),
    Node(name="tts", use="elevenlabs.tts"),
    Node(name="resample", use="audio.resample", kind="inline", converter=True),
    Node(name="tts_backup", use="openai.tts", standby=True),
)
WIRES = (
    ("line", "vad"),
    ("line", "stt"),
    ("vad", "stt"),
    ("vad", "aggregator"),
    ("stt", "aggregator"),
    ("aggregator", "llm"),
    ("llm", "sentences"),
    ("sentences", "tts"),
    ("tts", "resample"),
    ("resample", "line"),
)
PATH = (
    ("stt", "text final", 0.16),
    ("aggregator", "turn given", 0.24),
    ("llm", "queue", 0.001),
    ("llm", "at work", 0.26),
    ("sentences", "at work", 0.0004),
    ("tts", "queue", 0.002),
    ("tts", "at work", 0.12),
    ("resample", "at work", 0.0006),
    ("line", "queue", 0.004),
    ("line", "played out", 0.02),
)
"""What an answer consists of, and how many seconds each part takes at the median."""

MARKS = {1: "text final", 2: "turn given", 4: "first sentence", 7: "first audio", 10: "heard"}
"""Milestones by the number of parts of the path before them."""

QUESTION, ANSWER = "When do you open on Saturdays?", "On Saturdays we are open from nine in the morning."


def plausible(
    turns: int = 12, *, seed: int = 0, slower: dict[str, float] | None = None, words: bool = False, call: str = ""
) -> Timeline:
    """A call whose turns look as those of a telephone agent do, the first a greeting.

    slower: factors by node for the time that it takes. words: what both sides said is in it.
    """
    random = Random(seed)
    at, made = 0.2, [_greeting(random, words=words)]
    at += made[0].seconds
    for number in range(2, turns + 1):
        at += random.uniform(1.0, 4.0)
        made.append(_turn(random, number, at, slower or {}, words=words))
        at = max(part for part in (made[-1].marks["heard"] + made[-1].heard_seconds, at))
    return Timeline(
        graph="front-desk",
        call=call,
        file="graphs/front_desk.yaml",
        line="line",
        began=1_795_000_000.0 + seed,
        seconds=at + 1.0,
        nodes=NODES,
        wires=WIRES,
        budgets={"answer": 0.9, "barge_in": 0.15, "tts": 0.3},
        turns=tuple(made),
        totals=tuple(_totals(random, node, made, at) for node in NODES),
        cpu=0.011 * at,
    )


def _greeting(random: Random, *, words: bool) -> Turn:
    stage = Stage(
        node="tts", came=0.001, taken=0.0012, first=0.09, last=0.31, items=1, given=12, queued=0.0002, waited=0.3
    )
    return Turn(
        turn=1,
        began=0.0005,
        marks={"first sentence": 0.001, "first audio": 0.09, "heard": 0.11},
        seconds=2.4,
        heard_seconds=2.4,
        stages=(stage,),
        heard="Oak Dental, good morning." if words else None,
    )


def _turn(random: Random, number: int, end: float, slower: dict[str, float], *, words: bool) -> Turn:
    """One answer. Every sixth is interrupted, and once in eleven times the voice is slow to begin and is replaced."""
    trouble = number % 11 == 5
    times = [end]
    for node, what, median in PATH:
        took = median * random.lognormvariate(0.0, 0.35) * slower.get(node, 1.0)
        times.append(times[-1] + took + (0.3 if trouble and (node, what) == ("tts", "at work") else 0.0))
    path = tuple(
        Part(node=node, what=what, start=start, end=stop)
        for (node, what, _), (start, stop) in zip(PATH, pairwise(times), strict=True)
    )
    heard, seconds = times[-1], random.uniform(1.5, 6.0)
    interrupted = heard + 0.6 * seconds if number % 6 == 0 else None
    barge_in = random.uniform(0.01, 0.06) if interrupted else None
    marks = {"pause noticed": end + 0.09} | {name: times[parts] for parts, name in MARKS.items()}
    marks["first token"] = times[3] + 0.7 * (times[4] - times[3])
    ordered = sorted(marks.items(), key=lambda mark: mark[1])
    backup = (Stage(node="tts_backup", came=heard - 0.2, taken=heard - 0.2, first=heard - 0.05, last=heard, items=1),)
    return Turn(
        turn=number,
        began=times[2],
        speech_end=end,
        marks=dict(ordered),
        answer=heard - end,
        barge_in=barge_in,
        interrupted=interrupted,
        seconds=seconds,
        heard_seconds=0.6 * seconds + (barge_in or 0.0) if interrupted else seconds,
        steps=tuple(
            Part(node="", what=name, start=before, end=after)
            for before, (name, after) in zip([end, *(at for _, at in ordered[:-1])], ordered, strict=True)
        ),
        path=path,
        stages=_stages(times, seconds) + (backup if trouble else ()),
        happened=(Happened(at=heard - 0.22, node="tts", what="fallback"),) if trouble else (),
        asked=QUESTION if words else None,
        heard=ANSWER[:24] if words and interrupted else ANSWER if words else None,
        unheard=ANSWER[25:] if words and interrupted else None,
    )


def _stages(times: list[float], seconds: float) -> tuple[Stage, ...]:
    """What the nodes of `NODES` do between these times, the ends of the parts of `PATH`."""
    _, text, given, taken, sentence, cut, spoken, first, converted, _, heard = times
    last, made = taken + 1.7 * (sentence - taken), first + 0.3 * seconds
    return (
        Stage(
            node="stt", came=text - 2.0, taken=text - 2.0, first=text - 1.4, last=text, items=100, given=3, waited=2.0
        ),
        Stage(node="aggregator", came=text, taken=text, first=given, last=given, items=1, given=1, waited=given - text),
        Stage(
            node="llm",
            came=given,
            taken=taken,
            first=taken + 0.7 * (sentence - taken),
            last=last,
            items=1,
            given=24,
            queued=taken - given,
            own=0.004,
            waited=last - taken,
        ),
        Stage(node="sentences", came=sentence, taken=sentence, first=cut, last=last, items=24, given=2, own=0.0009),
        Stage(
            node="tts",
            came=cut,
            taken=spoken,
            first=first,
            last=made,
            items=2,
            given=40,
            queued=spoken - cut,
            own=0.006,
            blocked=0.4 * (made - first),
            starved=0.1 * (made - first),
            waited=0.5 * (made - first),
        ),
        Stage(node="resample", came=first, taken=first, first=converted, last=made, items=40, given=40, own=0.007),
        Stage(
            node="line", came=converted, taken=converted, last=heard + seconds, items=40, queued=0.001, waited=seconds
        ),
    )


def _totals(random: Random, node: Node, turns: list[Turn], seconds: float) -> Totals:
    """The sums and samples of a node's stages, and a queue for each."""
    stages = [stage for turn in turns for stage in turn.stages if stage.node == node.name]
    lasting = [(s.taken, s.first, s.last) for s in stages]
    return Totals(
        node=node.name,
        items=int(50 * seconds) if node.name in ("line", "vad", "stt") else sum(stage.items for stage in stages),
        given=sum(stage.given for stage in stages),
        dropped=3 if node.name == "stt" else 0,
        errors=sum(happened.node == node.name for turn in turns for happened in turn.happened),
        blocked=sum(stage.blocked for stage in stages),
        starved=sum(stage.starved for stage in stages),
        own=sum(stage.own for stage in stages),
        queue=tuple(random.expovariate(2_000.0) for _ in stages) if node.kind == "asynchronous" else (),
        first=tuple(first - taken for taken, first, _ in lasting if taken is not None and first is not None),
        total=tuple(last - taken for taken, _, last in lasting if taken is not None and last is not None),
    )


# --- any timeline ----------------------------------------------------------------------------------------------------

NASTY = (
    "</script><script>alert(1)</script>",
    "<!--",
    "]]>",
    "\u2028",
    "&lt;b&gt;",
    "__proto__",
    "toString",
    "\x00",
    "",
)
"""Names and words that a page must take for text."""

names = st.one_of(st.sampled_from(("line", "stt", "llm", "tts", *NASTY)), st.text(max_size=12))
moments = st.floats(0, 1e4, allow_nan=False)
lengths = st.floats(0, 60, allow_nan=False)
counts = st.integers(0, 10**6)
samples = st.lists(lengths, max_size=30).map(tuple)


@st.composite
def stages(draw: st.DrawFn, node: st.SearchStrategy[str]) -> Stage:
    """Times in their order, as far as they are known."""
    came, taken, first, last = (draw(st.none() | st.just(at)) for at in sorted(draw(st.tuples(*[moments] * 4))))
    return Stage(
        node=draw(node),
        came=came,
        taken=taken,
        first=first,
        last=last,
        items=draw(counts),
        given=draw(counts),
        queued=draw(lengths),
        blocked=draw(lengths),
        starved=draw(lengths),
        own=draw(lengths),
        waited=draw(lengths),
    )


@st.composite
def turns(draw: st.DrawFn, number: int, node: st.SearchStrategy[str]) -> Turn:
    """An answer, whose path adds up to it; or, without a `speech_end`, none."""
    start = draw(moments)
    cuts = [start, *sorted(draw(st.lists(st.floats(start, start + 60), max_size=8)))]
    answers = draw(st.booleans()) and len(cuts) > 1
    path = tuple(Part(node=draw(node), what=draw(names), start=a, end=b) for a, b in pairwise(cuts)) if answers else ()
    interrupted = draw(st.none() | st.floats(cuts[-1], cuts[-1] + 60))
    return Turn(
        turn=number,
        began=start,
        speech_end=start if answers else None,
        marks=draw(st.dictionaries(names, st.floats(start, start + 60), max_size=4)) | {"heard": cuts[-1]},
        answer=cuts[-1] - start if answers else None,
        interrupted=interrupted,
        barge_in=draw(lengths) if interrupted else None,
        seconds=draw(lengths),
        heard_seconds=draw(lengths),
        steps=(Part(node="", what="heard", start=start, end=cuts[-1]),) if answers else (),
        path=path,
        stages=tuple(draw(st.lists(stages(node), max_size=4))),
        happened=tuple(
            Happened(at=draw(moments), node=draw(node), what=draw(names)) for _ in range(draw(st.integers(0, 2)))
        ),
        asked=draw(st.none() | names),
        heard=draw(st.none() | names),
        unheard=draw(st.none() | names),
    )


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    """Any call, with names that want to be something else, wires in circles, and turns of nodes that are not there."""
    known = draw(st.lists(names, min_size=1, max_size=6, unique=True))
    node = st.sampled_from(known) | names
    made = tuple(
        Node(name=name, use=draw(names), kind=draw(st.sampled_from(("asynchronous", "inline", "source"))))
        for name in known
    )
    return Timeline(
        graph=draw(names),
        call=draw(names),
        line=draw(st.sampled_from(["", *known])),
        began=draw(st.none() | st.floats(0, 2e9)),
        seconds=draw(moments),
        nodes=made,
        wires=tuple(draw(st.lists(st.tuples(node, node), max_size=8))),
        budgets=draw(st.dictionaries(st.sampled_from(("answer", "barge_in", *known)), lengths, max_size=3)),
        turns=tuple(draw(turns(number, node)) for number in range(1, draw(st.integers(0, 4)) + 1)),
        totals=tuple(
            Totals(node=name, items=draw(counts), queue=draw(samples), first=draw(samples), total=draw(samples))
            for name in known
        ),
        cpu=draw(st.none() | lengths),
    )
