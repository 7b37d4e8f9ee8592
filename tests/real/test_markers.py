"""The search finds her wherever she is planted, and nowhere else: a search that finds nothing proves nothing alone."""

from __future__ import annotations

from email.message import EmailMessage
from typing import TYPE_CHECKING

import psycopg
import pytest

from smartlink.demo.pages import Pages
from smartlink.gateway.store import settings
from smartlink.gateway.store.database import FILE_NAME, open_in
from tests.gateway.conftest import START
from tests.real import markers, samples
from tests.real.world import MARKER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.real.world import Cloud, Gateway
    from tests.works.services import TestDatabase

pytestmark = pytest.mark.real

NAME = "Zzyxpatient"


def test_a_planted_word_is_found_in_a_log_and_in_a_name_but_not_among_images(tmp_path: Path) -> None:
    for name in ("a.log", "spool/aa/1", f"{NAME}.txt", "Logs/b.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("" if NAME in name else f"sent to {NAME}", encoding="utf-8")
    assert markers.in_files(tmp_path) == [f"Logs/b.jsonl: {NAME}", f"{NAME}.txt: {NAME}", f"a.log: {NAME}"]


def test_a_planted_word_is_found_in_a_mail_however_it_is_encoded() -> None:
    mail = EmailMessage()
    mail["Subject"] = "2 exams wait"
    mail.set_content(f"The exam of {NAME} … waits for the archive. " * 3, cte="base64")
    assert NAME.encode() not in mail.as_bytes()
    assert set(markers.in_mail(mail.as_bytes())) == {f"mail: {NAME}"}


def test_a_planted_word_is_found_in_the_catalogue(tmp_path: Path) -> None:
    with open_in(tmp_path) as database:
        database.write(lambda tx: settings.put(tx, {"receiver_ae_title": "US01"}, START))
        assert markers.in_catalogue(tmp_path / FILE_NAME) == []
        database.write(lambda tx: settings.put(tx, {"receiver_ae_title": NAME}, START))
    assert markers.in_catalogue(tmp_path / FILE_NAME) == [f"setting.value: {NAME}", f"audit.new: {NAME}"]


def test_a_planted_word_is_found_in_works(database: TestDatabase) -> None:
    assert markers.in_works(database.superuser_url) == []
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute(
            "INSERT INTO organisation (id, name, created_at) VALUES (gen_random_uuid(), %s, now())", (NAME,)
        )
    assert markers.in_works(database.superuser_url) == [f"organisation.name: {NAME}"]


def test_the_columns_that_may_hold_her_exist(database: TestDatabase) -> None:
    with psycopg.connect(database.superuser_url) as connection:
        rows = connection.execute("SELECT table_name, column_name FROM information_schema.columns").fetchall()
    assert set(rows) >= markers.AT_WORKS


@pytest.mark.proves("A15")
def test_no_address_of_a_page_names_her(cloud: Cloud, gateway: Gateway, uid: Callable[[], str]) -> None:
    study = uid()
    with samples.association(gateway.target) as ultrasound:
        assert ultrasound.store(samples.small(uid(), study)) == 0
    gateway.arrived(study, 1)
    with Pages(cloud.stage.works_url) as pages:
        pages.sign_in(gateway.site.physicians[0])
        listed = pages.exams("drafts")
        assert any(MARKER.patient_name.partition("^")[0] in patient for patient in listed)
        assert markers.in_texts("address", listed.values()) == []
