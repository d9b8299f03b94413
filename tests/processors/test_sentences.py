"""sentences: where a reply is cut, how soon, and that no cutting of the tokens changes it."""

# ruff: noqa: RUF001 - it is about the punctuation marks of many scripts
from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.processors.languages import ABBREVIATIONS, ENGLISH, MORE_SCRIPTS, SENTENCES, SPACELESS
from tests.transports.quiet_call import run
from voicegraph.frames import Sentence, Token
from voicegraph.node import node_type
from voicegraph.processors.sentences import PHRASE, Sentences, Splitter
from voicegraph.providers.segmenting import Segmenter
from voicegraph.testing import run_node


def splitter(language: str = "en", first_clause: bool = True, max_chars: int = 200) -> Splitter:
    return Splitter(language, first_clause=first_clause, min_first_chars=10, max_chars=max_chars)


def whole(**options: Any) -> Splitter:
    return splitter(first_clause=False, **options)


def split(text: str, make: Callable[[], Splitter] = whole, cuts: Iterable[int] = ()) -> list[str]:
    """The sentences of a text that comes in pieces cut at these places."""
    made = make()
    pieces = [text[start:stop] for start, stop in pairwise((0, *sorted(cuts), len(text)))]
    return [sentence for piece in pieces for sentence in made.feed(piece)] + list(made.flush())


def letters(text: str) -> str:
    """All but the white space."""
    return re.sub(r"\s", "", text)


# --- where it is cut -------------------------------------------------------------------------------------------------

EXAMPLES = [
    ["We are open.", "Come by!", "Will you?"],
    ["Dr. Smith is in.", "He is with Mrs. Jones, i.e. busy."],
    ["It costs $3.50.", "Or 1,200.75 a year."],
    ["Visit www.example.com.", "Or mail a.b@example.com, e.g. today."],
    ["See https://example.com/a.b?c=1.", "Then call."],
    ["We open at 9 a.m. on weekdays.", "Come by."],
    ["Wait... what?", "Really?!", "Yes."],
    ['He said "Hello there. How are you?" and left.', "Then he came back."],
    ['"Yes," he said.', '"No."'],
    ["We (that is, Dr. Who. And I) agree.", "All of us."],
    ["1. Brush your teeth.", "2. Floss."],
    ["J. K. Rowling wrote it.", "The U.S. Army read it."],
    ["你好。", "我很好！", "今天天气怎么样？"],
    ["はい、そうです。", "ありがとう。"],
    ["नमस्ते।", "आप कैसे हैं?"],
    ["Привет.", "Как дела?"],
    ["¿Qué tal?", "¡Bien!"],
    ["Sure!", "😊 How can I help?"],
]


@pytest.mark.parametrize("sentences", EXAMPLES)
def test_sentences_are_found(sentences: list[str]) -> None:
    wide = any(ord(letter) > 0x2E80 and not ord(letter) > 0x1F000 for letter in sentences[0])
    assert split(("" if wide else " ").join(sentences)) == sentences


@pytest.mark.parametrize("sentences", ENGLISH)
def test_a_full_stop_that_ends_no_sentence(sentences: list[str]) -> None:
    assert split(" ".join(sentences)) == sentences


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("language", [*SENTENCES, *MORE_SCRIPTS])
def test_the_marks_of_every_script_are_known_whether_or_not_the_language_is(language: str, told: bool) -> None:
    sentences = (SENTENCES | MORE_SCRIPTS)[language]
    text = ("" if language in SPACELESS else " ").join(sentences)
    assert split(text, lambda: whole(language=language if told else "en")) == sentences


@pytest.mark.parametrize(("language", "sentences"), ABBREVIATIONS)
def test_the_language_says_what_is_an_abbreviation(language: str, sentences: list[str]) -> None:
    assert split(" ".join(sentences), lambda: whole(language=language)) == sentences


@pytest.mark.parametrize("language", ["pt", "pt-BR", "PT", "pt_br"])
def test_a_tag_that_begins_with_a_language_is_that_language(language: str) -> None:
    text = "O Sr. Silva mora na Av. Paulista. Sim."
    assert split(text, lambda: whole(language=language)) == ["O Sr. Silva mora na Av. Paulista.", "Sim."]


def test_a_reply_without_capitals_is_cut_too() -> None:
    assert split("sure, we do. come by at nine. bye.") == ["sure, we do.", "come by at nine.", "bye."]


@pytest.mark.parametrize(
    "lines",
    [
        ["We have:", "1. Brushes", "2. Floss", "3. Paste"],
        ["We have", "- brushes", "- floss", "Anything else?"],
        ["Roses are red", "Violets are blue"],
    ],
)
def test_a_line_is_a_sentence(lines: list[str]) -> None:
    assert split("\n".join(lines)) == split("\n\n".join(lines)) == split("\n".join(lines), splitter) == lines


@pytest.mark.parametrize(
    "sentences",
    [
        ["*Closed.*", "Come back **tomorrow.**", "Bye."],
        ["彼は『はい。』と言った。", "そうです。"],
        ["他说：“你好。你怎么样？”", "然后走了。"],
    ],
)
def test_what_closes_a_sentence_stays_with_it(sentences: list[str]) -> None:
    text = "".join(sentences) if sentences[0][0] != "*" else " ".join(sentences)
    assert split(text, lambda: whole(language="ja")) == sentences


def test_new_lines_and_double_spaces_become_one_space() -> None:
    assert split("  One\ttwo\n three.  \r\n\r\n Four.\n") == ["One two three.", "Four."]


def test_white_space_alone_is_nothing() -> None:
    assert split(" \n\t ") == []


def test_marks_without_words_go_with_their_neighbour() -> None:
    assert split("Great! 😊") == ["Great! 😊"]
    assert split("...") == ["..."]


def test_a_quotation_that_is_never_closed_does_not_wait_for_ever() -> None:
    text = 'He said "no. ' + "And then he went away. " * 20
    assert all(len(sentence) <= 200 for sentence in split(text))
    assert letters("".join(split(text))) == letters(text)


# --- the first clause ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Of course, I can help you, gladly.", "Of course,"),
        ("Yes, of course, I can help you.", "Yes, of course,"),
        ("One moment please; I will look.", "One moment please;"),
        ("Here is what I found: nothing.", "Here is what I found:"),
        ("Let me see – yes, we do.", "Let me see –"),
        ("Let me see - yes, we do.", "Let me see -"),
        ("It costs 1,200,000 dollars at 10:30.", "It costs 1,200,000 dollars at 10:30."),
        ("No, sorry. We are closed.", "No, sorry."),
        ("当然可以没问题请稍等，我马上帮您查询。", "当然可以没问题请稍等，"),
        ("当然可以，没问题，请稍等。", "当然可以，"),
        ("물론입니다, 도와드리겠습니다.", "물론입니다,"),
        ("بالطبع يمكنني، سأساعدك الآن.", "بالطبع يمكنني،"),
        ("እንዴት ልርዳዎት፣ እባክዎ ይንገሩኝ።", "እንዴት ልርዳዎት፣"),
        ("ကျေးဇူးပြုပြီး၊ ခဏစောင့်ပါ။", "ကျေးဇူးပြုပြီး၊"),
        ("สวัสดีครับคุณลูกค้า วันนี้เป็นอย่างไร", "สวัสดีครับคุณลูกค้า"),
    ],
)
def test_the_first_clause_is_given_early(text: str, first: str) -> None:
    assert split(text, splitter)[0] == first


def test_only_the_first_sentence_is_cut_at_a_clause() -> None:
    assert split("We are open. On Mondays, however, we are not.", splitter) == [
        "We are open.",
        "On Mondays, however, we are not.",
    ]


def test_a_script_without_marks_is_not_spoken_word_by_word() -> None:
    first, *others, _ = split("ตอนนี้เราเปิด แล้วครับผม ขอบคุณ มากครับ " * 8, splitter)
    assert first == "ตอนนี้เราเปิด"
    assert len(others) > 2
    assert all(len(phrase) >= PHRASE for phrase in others)


# --- how soon --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "given_at"),
    [
        ("We are open. Do", "We are open. D"),
        ("我们开门。今天", "我们开门。今"),
        ('We are open. "Do', 'We are open. "D'),
        ("Of course, we do", "Of course, w"),
    ],
)
def test_a_sentence_is_given_with_the_first_letter_of_the_next(text: str, given_at: str) -> None:
    made = splitter()
    waited = ""
    for letter in text:
        waited += letter
        if list(made.feed(letter)):
            break
    assert waited == given_at


# --- too long --------------------------------------------------------------------------------------------------------


def test_what_is_too_long_is_cut_behind_a_clause() -> None:
    text = "one two three four, five six seven eight nine ten"
    assert split(text, lambda: whole(max_chars=30)) == ["one two three four,", "five six seven eight nine ten"]


def test_else_between_words() -> None:
    assert split("ab, abcd " + "abcd " * 4, lambda: whole(max_chars=20)) == ["ab, abcd abcd abcd", "abcd abcd"]
    assert split("abcd " * 9, lambda: whole(max_chars=20)) == ["abcd abcd abcd abcd", "abcd abcd abcd abcd", "abcd"]


def test_else_anywhere_but_before_an_accent() -> None:
    text = "e\u0301" * 15
    assert [len(piece) for piece in split(text, lambda: whole(max_chars=21))] == [20, 10]


@pytest.mark.parametrize("letter", ["👩\u200d👧", "👋🏽"])
def test_nor_within_an_emoji(letter: str) -> None:
    assert set("".join(split(letter * 50, lambda: whole(max_chars=20))).split(letter)) == {""}
    assert all(len(piece) % len(letter) == 0 for piece in split(letter * 50, lambda: whole(max_chars=20)))


# --- what it costs ---------------------------------------------------------------------------------------------------


def test_the_cost_of_a_token_does_not_grow_with_the_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []

    class Counting(Segmenter):
        """Counts what is looked at."""

        def sentences(self, text: str, *, capitals: bool = True) -> list[str]:
            looked_at.append(len(text))
            return super().sentences(text, capitals=capitals)

    monkeypatch.setattr("voicegraph.processors.sentences.Segmenter", Counting)
    words = 1000
    run(speak(*[" word"] * words))
    assert max(looked_at) <= 201
    assert len(looked_at) < 1.2 * words


# --- for any text at all ---------------------------------------------------------------------------------------------

pieces = st.sampled_from(
    [
        "Yes",
        "no",
        "Dr.",
        "e.g.",
        "3.14",
        "www.a.com",
        "¿",
        "“",
        "”",
        '"',
        "(",
        ")",
        "。",
        "，",
        "你好",
        "ไทย",
        "é",
        "e\u0301",
        ". ",
        "? ",
        "! ",
        ", ",
        "; ",
        " – ",
        "...",
        "\n",
        "\n\n",
        " ",
        "\u3000",
        "\u2028",
        "\u00a0",
        "- ",
        "1. ",
        "😊",
        "x" * 30,
        "*",
        "」",
        "『",
        "ώρα;",
        "។",
        "ကျေး",
        "۔",
        "3. ",
        "ул. ",
        "👩\u200d👧",
    ]
)
texts = st.lists(pieces, max_size=30).map("".join) | st.text(max_size=80)
limits = st.sampled_from([20, 40, 200])


languages = st.sampled_from(["en", "de", "ru", "el", "zh", "th", "km"])


@given(texts, limits, st.booleans(), languages, st.data())
@example("J. \u2028A. B", 200, True, "en", None)
def test_the_cutting_of_the_tokens_changes_nothing(
    text: str, limit: int, early: bool, language: str, data: st.DataObject | None
) -> None:
    def make() -> Splitter:
        return splitter(language, early, limit)

    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=20)) if data else []
    assert split(text, make, cuts) == split(text, make) == split(text, make, range(len(text)))


@given(texts, limits, st.booleans(), languages)
def test_nothing_is_lost_or_added_and_nothing_is_too_long(text: str, limit: int, early: bool, language: str) -> None:
    sentences = split(text, lambda: splitter(language, early, limit))
    assert letters("".join(sentences)) == letters(text)
    assert all(0 < len(sentence) <= limit for sentence in sentences)
    assert all(sentence == " ".join(sentence.split()) for sentence in sentences)


# --- the node --------------------------------------------------------------------------------------------------------


def test_a_reply_is_given_in_sentences() -> None:
    tokens = [Token(text) for text in ("We", " are", " open", ".", " Come", " by", "!")]
    given_ = run_node(Sentences, *tokens)
    assert [frame.text for frame in given_ if isinstance(frame, Sentence)] == ["We are open.", "Come by!"]
    assert {frame.turn for frame in given_} == {1}


async def speak(*texts: str | float, **values: Any) -> list[tuple[float, str]]:
    """What the node makes of tokens with pauses, in seconds, between them: sentences, and when each was given."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    made: Any = node_type(Sentences).configure(values)
    return [(loop.time() - began, sentence.text) async for sentence in made.speak(_Tokens(texts))]


class _Tokens:
    """To give up waiting for one loses nothing, as in a call."""

    def __init__(self, texts: Iterable[str | float]) -> None:
        self._queue: asyncio.Queue[Token | None] = asyncio.Queue()
        self._feeding = asyncio.create_task(self._feed(texts))

    async def _feed(self, texts: Iterable[str | float]) -> None:
        for text in texts:
            if isinstance(text, str):
                self._queue.put_nowait(Token(text))
            else:
                await asyncio.sleep(text)
        self._queue.put_nowait(None)

    def __aiter__(self) -> _Tokens:
        return self

    async def __anext__(self) -> Token:
        token = await self._queue.get()
        if token is None:
            raise StopAsyncIteration
        return token


def test_a_complete_sentence_does_not_wait_for_a_model_that_pauses() -> None:
    said = run(speak("Let me look.", 5.0, " There", " it is."))
    assert [text for _, text in said] == ["Let me look.", "There it is."]
    assert [when for when, _ in said] == pytest.approx([0.3, 5.0])


def test_patience_is_a_setting() -> None:
    assert run(speak("Yes.", 5.0, patience="1s"))[0][0] == pytest.approx(1.0)


@pytest.mark.parametrize("text", ["Let me", "Ask Dr.", 'He said "yes.', "1."])
def test_an_incomplete_one_waits(text: str) -> None:
    assert run(speak(text, 5.0, " Smith"))[0][0] == pytest.approx(5.0)


def test_a_language_by_its_name_is_refused() -> None:
    with pytest.raises(ValidationError, match="`pt-BR`, not `german`"):
        node_type(Sentences).configure({"language": "german"})


def test_a_limit_of_a_few_letters_is_refused() -> None:
    with pytest.raises(ValidationError, match="20 or more"):
        node_type(Sentences).configure({"max_chars": 5})
