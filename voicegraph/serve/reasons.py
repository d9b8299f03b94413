"""Why the server, or a line, refused or closed something: one table for logs, counters and peers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """close: WebSocket close code (RFC 6455, section 7.4.1). status: of HTTP, where there is no WebSocket yet.

    text: what people are told. It names what to do where something can be done.
    """

    name: str
    close: int
    status: int
    text: str


_TABLE = (
    # of the whole server
    Reason("busy", 1013, 503, "all lines are busy: try again later"),
    Reason("overloaded", 1013, 503, "the server is short of time: try again later"),
    Reason("draining", 1012, 503, "the server is going down: call another one"),
    Reason("starting", 1013, 503, "the server is not ready yet: try again shortly"),
    # of a handshake or a request
    Reason("wrong-path", 1008, 404, "there is nothing here"),
    Reason("wrong-method", 1008, 405, "not with this method"),
    Reason("origin", 1008, 403, "this page may not call from here"),
    Reason("signature", 1008, 403, "the signature is missing or wrong: is public_url exact, and the key right?"),
    Reason("token", 1008, 401, "show the token that VOICEGRAPH_TOKEN is where the server runs"),
    Reason("elsewhere", 1008, 403, "only from the server's own machine, or with a token: set VOICEGRAPH_TOKEN there"),
    Reason("refused", 1008, 403, "refused"),
    # of a connection
    Reason("malformed", 1007, 400, "a message is not what the protocol says"),
    Reason("out-of-order", 1002, 400, "a message came before one that must come first"),
    Reason("wrong-stream", 1008, 400, "a message is of another stream"),
    Reason("binary", 1003, 400, "binary where text is due"),
    Reason("text", 1003, 400, "text where binary is due"),
    Reason("oversize", 1009, 413, "a message is too long"),
    Reason("flood", 1008, 429, "too many messages"),
    Reason("silent", 1008, 408, "nothing was said to begin the call"),
    Reason("unheard", 1008, 408, "what is sent is not being played"),
    Reason("slow-reader", 1008, 408, "what is sent is not being read"),
    # of a call
    Reason("done", 1000, 200, "the call is over"),
    Reason("hung-up", 1000, 200, "the caller hung up"),
    Reason("lost", 1006, 499, "the connection broke"),
    Reason("deadline", 1012, 503, "the server went down before the call was over"),
    Reason("failed", 1011, 500, "the call could not go on"),
)

REASONS = {reason.name: reason for reason in _TABLE}
"""All of them by name. A line may close with any of those of a connection, or with words of its own."""
