"""The mails in both languages: counts, times and names, one thing a line, and nothing that could be slipped in."""

from dataclasses import replace
from datetime import timedelta

import pytest

from smartlink.link.failures import FailureKind
from smartlink.ui.preferences import Language
from smartlink.works.notify import words
from smartlink.works.notify.words import Failing, Situation
from tests.works.cast import NOW

PACS = Failing(
    FailureKind.STORE, "Archive (ARCHIVE)", 12, NOW - timedelta(days=2, hours=3), NOW - timedelta(hours=2), "No answer."
)
UPLOADS = Failing(FailureKind.UPLOAD, "", 1, NOW - timedelta(minutes=20), None, "")
SITUATION = Situation(
    "Lakeside General", "Europe/Madrid", NOW, "https://works.example", failing=[PACS, UPLOADS], heard_at=NOW
)


@pytest.mark.proves("R113")
def test_a_digest_says_what_fails_how_much_and_since_when() -> None:
    text = words.digest(SITUATION, Language.ENGLISH)
    assert text.subject == "SmartLink: 2 transfers fail at Lakeside General"
    assert text.body == (
        "Transfers at Lakeside General fail and are tried again. Nothing is lost.\n\n"
        "Store to PACS: Archive (ARCHIVE)\n"
        "  12 images wait\n"
        "  Failing since 28 Feb 2026, 07:30 (2 d 3 h)\n"
        "  The oldest image arrived 2 Mar 2026, 08:30 (2 h 0 min ago)\n"
        "  Cause: No answer.\n\n"
        "Upload to Works\n"
        "  1 image waits\n"
        "  Failing since 2 Mar 2026, 10:10 (20 min)\n\n"
        "Open Works: https://works.example\n\n"
        "This mail comes every 4 hours while transfers fail; a last one says that they work again.\n"
    )


def test_what_moved_to_the_outbox_and_an_old_word_are_said() -> None:
    text = words.digest(replace(SITUATION, outbox=3, heard_at=NOW - timedelta(hours=5), hours=1), Language.ENGLISH)
    assert "This is what SmartLink last said, 2 Mar 2026, 05:30." in text.body
    assert "3 exams could not be sent in time and are in the Outbox" in text.body
    assert "This mail comes every hour while" in text.body


def test_the_end_is_told_and_the_outbox_not_forgotten() -> None:
    ended = replace(SITUATION, failing=(), begun_at=NOW - timedelta(days=4))
    text = words.recovered(ended, Language.ENGLISH)
    assert text.subject == "SmartLink: transfers at Lakeside General work again"
    assert "The first mail about it came 26 Feb 2026, 10:30 (4 d 0 h ago)." in text.body
    text = words.recovered(replace(ended, outbox=1), Language.ENGLISH)
    assert text.subject == "SmartLink: transfers at Lakeside General are no longer tried; see the Outbox"
    assert "work again" not in text.body
    assert "1 exam could not be sent in time" in text.body


def test_spanish_is_spoken_too() -> None:
    text = words.digest(SITUATION, Language.SPANISH)
    assert text.subject == "SmartLink: fallan 2 transferencias en Lakeside General"
    assert "12 imágenes en espera" in text.body
    assert words.recovered(SITUATION, Language.SPANISH).subject.endswith("vuelven a funcionar")
    assert words.trial("https://works.example", Language.SPANISH).subject == "SmartLink: correo de prueba"


def test_no_name_and_no_cause_can_begin_a_line_of_its_own() -> None:
    sly = Failing(
        FailureKind.STORE, "A\r\nBcc: everybody", 1, NOW, None, "x\n\nOpen https://elsewhere.example\u2028now"
    )
    text = words.digest(replace(SITUATION, facility="Lake\nside", failing=[sly]), Language.ENGLISH)
    assert "\n" not in text.subject
    assert "  Cause: x Open https://elsewhere.example now\n" in text.body
    assert "Store to PACS: A Bcc: everybody\n" in text.body
