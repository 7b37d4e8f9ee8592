"""How deliveries are put into words, lanes and ranges."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from smartlink.works.store.delivery_pages import DeliveryRow
from smartlink.works.web import sending
from smartlink.works.web.sending import ShownDeliveryImage

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ROW = DeliveryRow(
    id=uuid.uuid4(),
    exam_id=uuid.uuid4(),
    connection_id=uuid.uuid4(),
    destination="Cardiology archive",
    connection_status="active",
    connection_deleted=False,
    connection_seen_at=None,
    state="with_gateway",
    reason=None,
    resend=False,
    asked_by="Dr. Bob Brandt",
    created_at=NOW,
    updated_at=NOW,
    finished_at=None,
    fetched_at=NOW,
    images=3,
    sent=0,
    parked=0,
    tried=0,
    converting=0,
    reported_at=None,
    cause=None,
    late=0,
)


def _image(number: int, state: str = "sent", *, attempts: int = 1, cause: str | None = None) -> ShownDeliveryImage:
    kind = {"sent": "ok", "parked": "fail", "exhausted": "warn"}.get(state, "warn" if attempts else "wait")
    return ShownDeliveryImage(number, "", state, kind, NOW, attempts, None, cause, None)


@pytest.mark.parametrize(
    ("row", "word"),
    [
        (replace(ROW, state="preparing"), "preparing"),
        (replace(ROW, state="queued"), "queued"),
        (replace(ROW, fetched_at=None), "queued"),
        (ROW, "waiting"),
        (replace(ROW, sent=1), "sending"),
        (replace(ROW, sent=1, tried=1), "retrying"),
        (replace(ROW, converting=1, tried=1), "converting"),
        (replace(ROW, parked=1, tried=1), "attention"),
        (replace(ROW, state="partial"), "attention"),
        (replace(ROW, state="delivered"), "sent"),
        (replace(ROW, state="outbox", reason="exhausted"), "outbox"),
        (replace(ROW, state="cancelled"), "cancelled"),
    ],
)
def test_a_delivery_has_one_word(row: DeliveryRow, word: str) -> None:
    shown = sending.delivery(row)
    assert (shown.word, shown.kind) == (word, sending.KINDS[word])


def test_the_last_delivery_to_a_pacs_counts() -> None:
    later = replace(ROW, id=uuid.uuid4(), state="delivered")
    elsewhere = replace(ROW, id=uuid.uuid4(), connection_id=uuid.uuid4(), state="replaced")
    assert [each.id for each in sending.latest([ROW, elsewhere, later])] == [later.id]


@pytest.mark.parametrize(
    ("numbers", "words"), [([], ""), ([2], "2"), ([7, 5, 6, 2], "2, 5–7"), ([1, 2, 4, 5], "1–2, 4–5"), ([3, 3], "3")]
)
def test_numbers_become_ranges(numbers: list[int], words: str) -> None:
    assert sending.ranges(numbers) == words


def test_one_trouble_for_each_cause_what_needs_a_person_first() -> None:
    images = [
        _image(1),
        _image(2, "waiting", cause="slow"),
        _image(3, "parked", cause="no"),
        _image(4, "parked", cause="no"),
    ]
    found = [(each.kind, each.cause, each.numbers) for each in sending.troubles(images)]
    assert found == [("fail", "no", "3–4"), ("warn", "slow", "2")]


def test_a_lane_has_a_cell_for_each_image_and_groups_when_there_are_many() -> None:
    assert sending.cells([_image(1), _image(2, "parked"), _image(3, "waiting", attempts=0)]) == ("", "stuck", "no")
    many = [_image(number) for number in range(1, 200)] + [_image(200, "exhausted")]
    cells = sending.cells(many)
    assert len(cells) <= sending.MOST_CELLS
    assert set(cells[:-1]) == {""}
    assert cells[-1] == "left"
    assert sending.cells([]) == ()


def test_the_last_hop_is_done_only_when_every_pacs_has_everything() -> None:
    done = replace(sending.delivery(replace(ROW, state="delivered")), sent=3)
    on_its_way = sending.delivery(ROW)
    assert sending.way_out([done]).kind == "done"
    assert sending.way_out([done, on_its_way]).kind == "part"
    assert sending.way_out([on_its_way]).kind == "none"
    assert sending.way_out([done, sending.delivery(replace(ROW, state="partial"))]).kind == "stuck"
    assert sending.way_out([]).total == 0


def test_a_pacs_answers_again_when_it_was_heard_after_the_delivery_gave_up() -> None:
    gone = replace(ROW, state="outbox", reason="exhausted", finished_at=NOW)
    heard = replace(gone, connection_seen_at=NOW + timedelta(minutes=1))
    again = [sending.answers_again(row) for row in (gone, heard, replace(heard, connection_status="inactive"))]
    assert again == [False, True, False]
