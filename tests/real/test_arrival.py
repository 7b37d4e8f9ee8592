"""What arrives where: a misspelt name, two senders of one image, two images under one UID."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from smartlink.demo.exam import data_set_bytes
from smartlink.demo.pages import Pages
from smartlink.demo.programs import wait_for
from tests.real import samples
from tests.real.world import MARKER, misspelt

if TYPE_CHECKING:
    from collections.abc import Callable

    from smartlink.demo.journey import Journey
    from tests.real.world import Cloud, Gateway

pytestmark = pytest.mark.real


@pytest.mark.proves("R79", "A3")
def test_a_misspelt_physician_puts_the_exam_into_unassigned_with_the_reason(
    gateway: Gateway, uid: Callable[[], str]
) -> None:
    study = uid()
    with samples.association(gateway.target) as ultrasound:
        assert ultrasound.store(samples.small(uid(), study, order=misspelt())) == 0
    journey = gateway.arrived(study, 1)
    assert (journey.folder, journey.owner, journey.reason) == ("unassigned", "", "no_match")


@pytest.mark.proves("R152", "A9")
def test_the_same_image_from_two_ultrasound_systems_is_one_instance(
    cloud: Cloud, gateway: Gateway, uid: Callable[[], str]
) -> None:
    study = uid()
    image, later = samples.small(uid(), study), samples.small(uid(), study)
    for calling, instances in (("US01", [image]), ("US02", [image, later])):
        with samples.association(gateway.target, calling=calling) as ultrasound:
            assert [ultrasound.store(instance) for instance in instances] == [0] * len(instances)
    gateway.arrived(study, 2)
    wait_for(gateway.nothing_is_waiting, 30, "the gateway has nothing left to send")
    journey = gateway.journey(study)
    assert sorted(s.sop_instance_uid for s in journey.stops) == sorted([image.sop_instance_uid, later.sop_instance_uid])
    assert data_set_bytes(cloud.objects_of(journey)[image.sop_instance_uid]) == image.data_set


@pytest.mark.proves("R152")
def test_two_instances_with_one_uid_and_different_bytes_are_both_kept_and_shown(
    cloud: Cloud, gateway: Gateway, uid: Callable[[], str]
) -> None:
    study, shared = uid(), uid()
    order = replace(MARKER, patient_name="Zzyxpatient^Twofold")
    first, second = (samples.small(shared, study, order=order, seed=seed) for seed in (1, 2))
    with samples.association(gateway.target) as ultrasound:
        assert ultrasound.store(first) == 0
    gateway.arrived(study, 1)
    with samples.association(gateway.target) as ultrasound:
        assert ultrasound.store(second) == 0

    def conflict_shown() -> Journey | None:
        known = gateway.journey(study)
        return known if any(one.ingested_at for one in known.conflicts) else None

    journey = wait_for(conflict_shown, 60, "Works knows of the conflict")
    (kept,), (other,) = journey.stops, journey.conflicts
    assert data_set_bytes(cloud.object(kept.object_key)) == first.data_set
    assert data_set_bytes(cloud.object(other.object_key)) == second.data_set
    with Pages(cloud.stage.works_url) as pages:
        pages.sign_in(gateway.site.physicians[0])
        (exam,) = (address for patient, address in pages.exams("drafts").items() if "Twofold" in patient)
        assert "Two different images carry the same identifier. Both are kept." in pages.get(exam).text
