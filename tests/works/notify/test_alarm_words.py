"""Every mail about the fleet in both languages: all places filled, one thing a line, nothing slipped in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from smartlink.link.heartbeat import Disk
from smartlink.ui.preferences import Language
from smartlink.works.notify import alarm_words
from smartlink.works.notify.alarm_words import Matter
from tests.works.cast import NOW

DISK = Disk(free=30 * 10**9, total=500 * 10**9, reserve=25 * 10**9, days_left=2.25)
MATTER = Matter(
    "Lakeside General", "Europe/Madrid", NOW, NOW - timedelta(hours=26), "Room 1 (US01)", DISK, "https://works.example"
)
ALL = (
    alarm_words.offline,
    alarm_words.online,
    alarm_words.silent,
    alarm_words.heard,
    alarm_words.disk_fills,
    alarm_words.disk_well,
)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("tell", ALL)
def test_every_place_is_filled(tell: object, language: Language) -> None:
    assert callable(tell)
    text = tell(MATTER, language)
    assert "%" not in text.subject + text.body
    assert "Lakeside General" in text.subject
    assert "https://works.example" in text.body


def test_each_says_what_since_when_and_what_to_do() -> None:
    offline = alarm_words.offline(MATTER, Language.ENGLISH)
    assert offline.subject == "SmartLink: the gateway at Lakeside General is offline"
    assert "since 1 Mar 2026, 08:30 (1 d 2 h)" in offline.body
    assert "smartlink diagnose" in offline.body
    disk = alarm_words.disk_fills(MATTER, Language.SPANISH)
    assert "Quedan libres 30.0 GB de 500.0 GB" in disk.body
    assert "lleno en 2.2 días" in disk.body
    assert (
        "días"
        not in alarm_words.disk_fills(
            replace(MATTER, disk=DISK.model_copy(update={"days_left": None})), Language.SPANISH
        ).body
    )


def test_a_name_begins_no_line_of_its_own() -> None:
    text = alarm_words.silent(replace(MATTER, system="US01\nBcc: x@example.org"), Language.ENGLISH)
    assert "\n" not in text.subject
    assert "\nBcc" not in text.body
