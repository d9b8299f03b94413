"""voicegraph: a voice agent is a graph in a YAML file."""

from typing import TYPE_CHECKING, Any

from voicegraph.call import Call, Reply, Word, this_call
from voicegraph.durations import Duration
from voicegraph.errors import ToolError, VoicegraphError
from voicegraph.frames import (
    Audio,
    Commit,
    Dtmf,
    End,
    EndOfTurn,
    Error,
    Frame,
    Interrupt,
    Message,
    Pause,
    Recovery,
    ReplyEnd,
    Resume,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Token,
    ToolCall,
    ToolResult,
    Transcript,
    TTSAudio,
    UserTurn,
)
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.shared import shared
from voicegraph.tools import tool

if TYPE_CHECKING:
    from voicegraph.serve.app import asgi

__version__ = "0.1.0"

__all__ = [
    "Audio",
    "Call",
    "Commit",
    "Dtmf",
    "Duration",
    "End",
    "EndOfTurn",
    "Error",
    "Frame",
    "Interrupt",
    "Message",
    "Pause",
    "Rate",
    "Recovery",
    "Reply",
    "ReplyEnd",
    "Resume",
    "Sentence",
    "SpeechStarted",
    "SpeechStopped",
    "TTSAudio",
    "Token",
    "ToolCall",
    "ToolError",
    "ToolResult",
    "Transcript",
    "UserTurn",
    "VoicegraphError",
    "Word",
    "asgi",
    "node",
    "shared",
    "this_call",
    "tool",
]


def __getattr__(name: str) -> Any:
    """The server is imported when it is asked for: it needs the extra `serve`."""
    if name == "asgi":
        from voicegraph.serve.app import asgi

        return asgi
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
