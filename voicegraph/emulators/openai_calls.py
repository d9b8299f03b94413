"""Calls of functions in a conversation that is sent to OpenAI: each is answered, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from voicegraph.emulators.openai_asking import Json, missing, refused

ROLES = ("system", "assistant", "user", "function", "tool", "developer")


def check_messages(messages: Sequence[Json]) -> None:
    """Of chat completions: results stand directly behind the message that asked for them. Raises a refusal."""
    asked: list[object] = []
    for number, message in enumerate(messages):
        place = f"messages[{number}].role"
        role = message.get("role")
        if role is None:
            raise missing(place)
        if role not in ROLES:
            known = ", ".join(f"'{each}'" for each in ROLES)
            raise refused(
                400, f"Invalid value: '{role}'. Supported values are: {known}.", param=place, code="invalid_value"
            )
        if role != "tool":
            _check_answered(asked)
            asked = [call.get("id") for call in message.get("tool_calls") or ()]
        elif message.get("tool_call_id") in asked:
            asked.remove(message.get("tool_call_id"))
        else:
            raise refused(
                400,
                "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
                param=place,
            )
    _check_answered(asked)


def _check_answered(asked: Sequence[object]) -> None:
    if asked:
        message = "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
        message += "'tool_call_id'. The following tool_call_ids did not have response messages: "
        raise refused(400, message + ", ".join(map(str, asked)), param="messages")


def check_items(items: Iterable[Json]) -> None:
    """Of responses: each call has an output behind it. Raises a refusal."""
    asked: list[object] = []
    for item in items:
        name = item.get("call_id")
        if item.get("type") == "function_call":
            asked.append(name)
        elif item.get("type") == "function_call_output":
            if name not in asked:
                raise refused(400, f"No tool call found for function call output with call_id {name}.", param="input")
            asked.remove(name)
    if asked:
        raise refused(400, f"No tool output found for function call {asked[0]}.", param="input")
