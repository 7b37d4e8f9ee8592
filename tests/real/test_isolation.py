"""Charlie belongs to another organisation: every address of Bob's exam answers as if it did not exist."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from smartlink.demo.pages import Pages
from smartlink.demo.programs import wait_for
from smartlink.works.web import exam as exam_routes
from tests.real import samples
from tests.real.world import MARKER

if TYPE_CHECKING:
    from collections.abc import Callable

    from smartlink.demo.pages import ShownImage
    from tests.real.world import Cloud, Gateway

pytestmark = pytest.mark.real

SEE_OTHER, NOT_FOUND = 303, 404
NOBODYS_ID = "00000000-0000-4000-8000-000000000000"


def test_charlie_gets_not_found_for_every_address_of_bobs_exam(
    cloud: Cloud, gateway: Gateway, uid: Callable[[], str]
) -> None:
    study, order = uid(), replace(MARKER, patient_name="Zzyxpatient^Bobs")
    with samples.association(gateway.target) as ultrasound:
        assert ultrasound.store(samples.small(uid(), study, order=order)) == 0
    gateway.arrived(study, 1)
    charlies = cloud.organisation()
    with Pages(cloud.stage.works_url) as bob:
        bob.sign_in(gateway.site.physicians[0])
        addresses = every_address(bob)
        assert {bob.get(address).status_code for address in addresses} == {200}
    for person in (charlies.physicians[0], charlies.administrator):
        with Pages(cloud.stage.works_url) as charlie:
            charlie.sign_in(person)
            for address in addresses:
                assert_is_nothing(charlie, address, addresses[0])
            assert charlie.get(f"{addresses[0]}?organisation={gateway.site.organisation_id}").status_code == NOT_FOUND
            for folder in ("drafts", "unassigned"):
                assert charlie.exams(folder) == {}
    with Pages(cloud.stage.works_url) as stranger:
        assert {stranger.get(address).status_code for address in addresses} == {SEE_OTHER}


def every_address(bob: Pages) -> list[str]:
    """The addresses of an exam with one image: one for each route below it, so that a new route is tried too."""
    (exam,) = (address for patient, address in bob.exams("drafts").items() if "Bobs" in patient)

    def ready() -> ShownImage | None:
        return next((image for image in bob.images(exam) if image.state == "ready"), None)

    image = wait_for(ready, 60, "its picture is made")
    instance = image.address.split("/images/")[1].split("/")[0]
    of = {"exam_id": exam.rsplit("/", 1)[1], "instance_id": instance, "frame": "1"}
    return [str(getattr(route, "path", "")).format(**of) for route in exam_routes.router.routes]


def assert_is_nothing(charlie: Pages, address: str, exam: str) -> None:
    """The answer is the one for an exam that does not exist, to the letter but for the address itself."""
    answer = charlie.get(address)
    assert answer.status_code == NOT_FOUND
    assert "Zzyx" not in answer.text
    nothing = charlie.get(address.replace(exam.rsplit("/", 1)[1], NOBODYS_ID))
    assert (answer.status_code, len(answer.content)) == (nothing.status_code, len(nothing.content))
