"""A job exists if and only if the transaction that needs it commits."""

from __future__ import annotations

import uuid

import pytest

from smartlink.works.access import Access
from smartlink.works.tasks import names
from smartlink.works.tasks.producer import Producer
from tests.works.services import NOW

COUNT = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'ingest'"


def test_a_job_is_written_with_the_transaction(access: Access) -> None:
    with access.organisation(uuid.uuid4()) as site:
        Producer().ingest(site, [uuid.uuid4()])
    with access.outside() as transaction:
        assert transaction.value(COUNT) == 1


def test_a_transaction_undone_leaves_no_job(access: Access) -> None:
    with pytest.raises(RuntimeError), access.organisation(uuid.uuid4()) as site:
        Producer().ingest(site, [uuid.uuid4()])
        raise RuntimeError
    with access.outside() as transaction:
        assert transaction.value(COUNT) == 0


def test_an_exam_is_taken_in_before_the_pictures_that_wait(access: Access) -> None:
    with access.organisation(uuid.uuid4()) as site:
        Producer().preview(site, uuid.uuid4())
        Producer().ingest(site, [uuid.uuid4()])
    with access.outside() as transaction:
        first = transaction.value("SELECT task_name FROM procrastinate_jobs ORDER BY priority DESC, id LIMIT 1")
    assert first == "ingest"


def test_every_name_can_be_deferred(access: Access) -> None:
    producer, one = Producer(), uuid.uuid4()
    with access.organisation(uuid.uuid4()) as site:
        producer.ingest(site, [one])
        for defer in (
            producer.preview,
            producer.derive,
            producer.verify,
            producer.compare,
            producer.digest,
            producer.mail,
        ):
            defer(site, one)
        producer.abandon(site, one, NOW)
    with access.outside() as transaction:
        deferred = transaction.value("SELECT array_agg(task_name ORDER BY id) FROM procrastinate_jobs")
    by_the_clock = {
        names.DIGESTS_DUE,
        names.COMMANDS_DONE,
        names.ALARMS,
        names.TEST_EXAMS,
        names.REMOVALS_DUE,
        names.WORKLISTS_EXPIRED,
    }
    assert set(deferred) == set(names.QUEUES) - by_the_clock  # which nobody defers


def test_a_job_can_be_for_later(access: Access) -> None:
    with access.organisation(uuid.uuid4()) as site:
        Producer().abandon(site, uuid.uuid4(), NOW)
    with access.outside() as transaction:
        assert transaction.value("SELECT scheduled_at FROM procrastinate_jobs") == NOW
