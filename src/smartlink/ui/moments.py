"""Times, ages and dates in words: 24-hour, local, and only as much as the reader needs (language.md section 8)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date

if TYPE_CHECKING:
    from smartlink.ui.preferences import Language

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
DATE_PATTERN = "d MMM y"


def zone(name: str) -> tzinfo:
    """The time zone of a facility; UTC when the name is not one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def day(value: date, language: Language) -> str:
    """`24 Nov 2026`, `24 nov 2026`."""
    return format_date(value, DATE_PATTERN, locale=language).replace(".", "")


def clock(at: datetime, where: tzinfo) -> str:
    """`09:14:02`, local."""
    return at.astimezone(where).strftime("%H:%M:%S")


def days_ago(at: datetime, now: datetime, where: tzinfo) -> int:
    """0 for today, 1 for yesterday and so on, by the local calendar."""
    return (now.astimezone(where).date() - at.astimezone(where).date()).days


def age_parts(age: timedelta) -> tuple[int, int, int, int]:
    """Days, hours, minutes and seconds of an age; never negative."""
    seconds = max(0, int(age.total_seconds()))
    return seconds // DAY, seconds % DAY // HOUR, seconds % HOUR // MINUTE, seconds % MINUTE


def years(birth: date, on: date) -> int:
    """Whole years of a person born on `birth` at the date `on`."""
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))
