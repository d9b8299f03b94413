"""Recoveries in words, for whoever watches a call."""

from __future__ import annotations

from voicegraph.frames import Recovery

WORDS = {
    "retry": "{node} is asked again",
    "fallback": "{to} stands in for {node}",
    "hedge": "{to} is asked as well as {node}",
    "back": "{node} is asked again",
    "restart": "{node} begins anew, with the caller's last words",
    "say": '"{to}" for want of {node}',
    "then": "{to} for want of {node}",
    "give_up": "{node} cannot answer this turn",
    "incident": "the caller hears nothing, because of {node} perhaps",
    "recovered": "{node} is made up for; the caller heard nothing for {silence:.2f} s",
}
"""By step."""


def in_words(recovery: Recovery) -> str:
    """One line."""
    told = WORDS[recovery.step].format(node=recovery.node, to=recovery.to, silence=recovery.silence)
    return f"{told} ({recovery.why})" if recovery.why and recovery.step in ("back", "incident") else told
