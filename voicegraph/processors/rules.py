"""A brain that answers by rules: the same answer to the same words, every time. Needs nothing installed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from voicegraph.frames import Token, UserTurn
from voicegraph.node import node
from voicegraph.processors.echo import word_by_word
from voicegraph.settings import OrText

if TYPE_CHECKING:
    from voicegraph.graph.source import Span


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error


def _one(text: str) -> list[str]:
    return [text]


@lru_cache(maxsize=1024)
def _keyword(phrase: str) -> re.Pattern[str]:
    return re.compile(r"(?<!\w)" + r"\W+".join(map(re.escape, phrase.split())) + r"(?!\w)", re.IGNORECASE)


_ANYTHING = re.compile("")
_GROUP = re.compile(r"\{(\w+)\}")

Texts = Annotated[list[str], OrText(_one)]
Pattern = Annotated[re.Pattern[str], OrText(_compile)]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What to say when one of these was heard. Each may be one text, or a list of several.

    say: the answer; of several, each in its turn. `{name}` or `{1}` in it stands for a group of the pattern.
    keywords: whole words or phrases, in any case. pattern: regular expressions, found anywhere, in any case.
    A rule with neither is for whatever no other rule was for, and comes last.
    """

    __pydantic_config__ = {"extra": "forbid"}

    say: Texts
    keywords: Texts = field(default_factory=list[str])
    pattern: Annotated[list[Pattern], OrText(_one)] = field(default_factory=list[Pattern])

    def __post_init__(self) -> None:
        if not self.say:
            raise ValueError("a rule needs something to `say`")
        for text in self.say:
            self._check_groups(text)

    @property
    def fits_all(self) -> bool:
        return not (self.keywords or self.pattern)

    def match(self, heard: str) -> re.Match[str] | None:
        """Where the rule fits what was heard, if it does."""
        return next((match for pattern in self._patterns() if (match := pattern.search(heard))), None)

    def _patterns(self) -> tuple[re.Pattern[str], ...]:
        return (*map(_keyword, self.keywords), *self.pattern) or (_ANYTHING,)

    def _check_groups(self, text: str) -> None:
        for pattern in self._patterns():
            for name in _GROUP.findall(text):
                if name not in {*pattern.groupindex, *map(str, range(pattern.groups + 1))}:
                    raise ValueError(f"the answer uses {{{name}}}, but {pattern.pattern!r} has no such group")


@dataclass(frozen=True)
class _RuleFile:
    __pydantic_config__ = {"extra": "forbid"}

    rules: list[Rule]


def read_rules(path: str) -> list[Rule]:
    """The rules of a YAML file. Raises ValueError, which names every mistake in it with its line and column."""
    from voicegraph.graph.source import Unreadable

    try:
        file = Path(path)
        return _read_rules(path, file.stat().st_mtime_ns if file.is_file() else 0)
    except Unreadable as error:
        raise ValueError(f"{error.message}: {error.hint}") from error


@lru_cache(maxsize=16)
def _read_rules(path: str, changed: int) -> list[Rule]:
    """changed: when; so a file is read again once it was."""
    from pydantic import TypeAdapter, ValidationError

    from voicegraph.graph.checks.settings import locate
    from voicegraph.graph.diagnostics import Report
    from voicegraph.graph.source import read_source
    from voicegraph.graph.tree import Map, plain_data, read_tree

    report = Report()
    tree = read_tree(read_source(Path(path), path), report)
    if tree is None:
        raise ValueError("; ".join(_located(each.span, each.message) for each in report.sorted))
    if not isinstance(tree, Map):
        raise ValueError(f"{path}: write the rules as a list under `rules:`")
    try:
        return TypeAdapter(_RuleFile).validate_python(plain_data(tree)).rules
    except ValidationError as error:
        mistakes = ((locate(tree, each["loc"]), each["msg"].removeprefix("Value error, ")) for each in error.errors())
        raise ValueError("; ".join(_located(at.tree.span, f"{at.name}: {words}") for at, words in mistakes)) from error


def _located(span: Span | None, message: str) -> str:
    return f"{span.source.name}:{span.line}:{span.column}: {message}" if span else message


@node("rules.chat")
class Rules:
    """Answers each turn by the first rule that fits it: a brain for demos and tests, and for what must be said exactly.

    rules: a list of rules, or the path of a YAML file with such a list under `rules`, relative to the working
    directory. Each has `say`, and `keywords` or `pattern`; the last one has neither, and answers all the rest.
    """

    rules: Annotated[list[Rule], OrText(read_rules)]

    def __post_init__(self) -> None:
        if [rule.fits_all for rule in self.rules] != [*(False for _ in self.rules[1:]), True]:
            raise ValueError("the last rule, and no other, has no `keywords` and no `pattern`: it answers all the rest")
        self._used: Counter[int] = Counter()

    def on_turn(self, turn: UserTurn) -> Iterator[Token]:
        for number, rule in enumerate(self.rules):
            match = rule.match(turn.text)
            if match:
                text = rule.say[self._used[number] % len(rule.say)]
                self._used[number] += 1
                yield from word_by_word(_fill(text, match))
                return


def _fill(text: str, match: re.Match[str]) -> str:
    return _GROUP.sub(lambda group: match[int(group[1]) if group[1].isdigit() else group[1]] or "", text)
