"""What a plain (unquoted) YAML scalar means: the core schema of YAML 1.2, with one exception.

So `on`, `no`, `1_000`, `0b1` and `2026-11-22` are text, `0o12` is ten. The exception: a decimal number with leading
zeros or a plus sign stays text, since a phone number or a code (`012`, `+15551234567`) would not survive being a
number; a field that wants a number takes it all the same.

Source: YAML 1.2.2, section 10.3.2.
"""

from __future__ import annotations

import re

Value = str | int | float | bool | None

_WORDS: dict[str, Value] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,99})")
_OTHER_BASE = re.compile(r"0o[0-7]{1,99}|0x[0-9a-fA-F]{1,99}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WHOLE = re.compile(r"[-+]?[0-9]+")


def meaning(text: str) -> Value:
    """The value of a plain scalar; itself where it is text."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _DECIMAL.fullmatch(text):
        return int(text)
    if _OTHER_BASE.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text) and not _WHOLE.fullmatch(text):
        return float(text)
    return text
