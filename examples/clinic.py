"""The appointment book of a small dental practice, as tools of a language model: graphs/clinic.yaml, docs/tools.md."""

from datetime import UTC, date, datetime, time
from typing import Annotated, Literal

from voicegraph import ToolError, tool

HOURS = [time(hour) for hour in (8, 9, 10, 11, 14, 15, 16, 17)]
"""When an appointment can begin."""
BOOKED: dict[tuple[date, time], str] = {}
"""Who comes when. A real practice has a database for this."""


def today() -> str:
    """Tells which day today is. Call it before you speak of days."""
    return f"{datetime.now(UTC).astimezone():%A, %Y-%m-%d}"


def free_times(day: Annotated[date, "the day, such as 2026-11-23"]) -> list[time]:
    """Tells at what times an appointment can begin on a day."""
    if day.weekday() > 4:
        raise ToolError(f"The practice is closed on {day:%A}s.")
    return [hour for hour in HOURS if (day, hour) not in BOOKED]


@tool(interruptible=False, timeout=20, phrase="One moment please, I am writing it down.")
async def book(day: date, at: time, name: str, reason: Literal["check-up", "cleaning", "pain"] = "check-up") -> str:
    """Books an appointment. Call it once the caller has agreed to the day and the time and told you a name.

    Args:
        day: The day, such as 2026-11-23.
        at: One of the free times of that day, such as 09:00.
        name: Who comes.
        reason: What is to be done.
    """
    if at not in free_times(day):
        raise ToolError(f"There is no time at {at:%H:%M}: look for the free ones.")
    BOOKED[day, at] = f"{name}, {reason}"
    return f"Booked for {name} on {day:%A, %d %B} at {at:%H:%M}."
