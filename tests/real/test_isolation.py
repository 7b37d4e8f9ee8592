"""Charlie belongs to another organisation: every address of Bob's exam answers as if it did not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smartlink.demo import site as hospital
from smartlink.demo.pages import Pages
from smartlink.demo.programs import wait_for
from tests.real import samples
from tests.real.world import MARKER

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.real.world import Cloud, Gateway

pytestmark = pytest.mark.real

NOT_FOUND = 404


def test_charlie_gets_not_found_for_every_address_of_bobs_exam(
    cloud: Cloud, gateway: Gateway, uid: Callable[[], str]
) -> None:
    study = uid()
    with samples.association(gateway.target) as ultrasound:
        assert ultrasound.store(samples.small(uid(), study)) == 0
    cloud.arrived(study, 1)
    with Pages(cloud.stage.works_url) as pages:
        pages.sign_in(cloud.site.physicians[0])
        exam = next(reversed(pages.exams("drafts").values()))
        (image, *_) = wait_for(lambda: [i for i in pages.images(exam) if i.state == "ready"], 60, "a picture is made")
        addresses = [exam, f"{image.address}1", image.address.replace("/frames/", "/thumb")]
        assert [pages.get(address).status_code for address in addresses] == [200] * len(addresses)
        words_for_nothing = pages.get("/exams/00000000-0000-4000-8000-000000000000").text
    charlie = hospital.person("Charlie", "Elsewhere", "organisation_administrator", domain="elsewhere.example")
    hospital.make(cloud.stage.works, charlie, (), organisation="Elsewhere", facility="Elsewhere Clinic")
    with Pages(cloud.stage.works_url) as pages:
        pages.sign_in(charlie)
        answers = [pages.get(address) for address in addresses]
        assert [answer.status_code for answer in answers] == [NOT_FOUND] * len(addresses)
        assert all(len(answer.text) == len(words_for_nothing) or "Zzyx" not in answer.text for answer in answers)
        for folder in ("drafts", "unassigned"):
            assert pages.exams(folder) == {}
            assert MARKER.patient_id not in pages.get(f"/{folder}").text
        for path in ("", "/events"):
            assert pages.get(f"{exam}{path}?organisation={cloud.site.organisation_id}").status_code == NOT_FOUND
    with Pages(cloud.stage.works_url) as stranger:
        assert all(stranger.get(address).status_code in {303, NOT_FOUND} for address in addresses)
