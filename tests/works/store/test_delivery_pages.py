"""What the pages read of deliveries, counted by the database."""

from smartlink.link.deliveries import ItemState
from smartlink.works.exams import submission
from smartlink.works.store import delivery_pages
from tests.works.web.harbour import Harbour
from tests.works.web.town import Town, town

__all__ = ["town"]


def test_a_delivery_is_counted_by_how_its_images_stand(town: Town) -> None:
    harbour = Harbour(town)
    harbour.pacs()
    exam = town.exam(town.bob)
    for number in (1, 2, 3, 4):
        town.instance(exam, number=number)
    submission.submit(town.access, harbour.actor(), exam, 1, town.now)

    def row() -> delivery_pages.DeliveryRow:
        with town.access.organisation(town.organisation_id) as site:
            (found,) = delivery_pages.of_exams(site, [exam])
        return found

    assert (row().state, row().fetched_at, row().images, row().sent) == ("queued", None, 4, 0)
    harbour.fetch()
    assert row().fetched_at == town.now
    harbour.tell(exam, images=(1,))
    harbour.tell(exam, ItemState.PARKED, images=(2,), cause="first")
    harbour.tell(exam, ItemState.WAITING, images=(3,), cause="last")
    harbour.tell(exam, ItemState.SYNTAX_REFUSED, images=(4,))
    town.instance(exam, number=5)
    now = row()
    assert (now.sent, now.parked, now.tried, now.converting, now.late) == (1, 1, 1, 1, 1)
    assert (now.cause, now.destination, now.asked_by) == ("last", "Cardiology archive", "Dr. Bob Brandt")
