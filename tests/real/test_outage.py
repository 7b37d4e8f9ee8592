"""Works down for a while: the ultrasound notices nothing, nothing is lost, and the queue drains by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smartlink.demo.exam import data_set_bytes
from smartlink.demo.programs import wait_for
from tests.real import samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.real.world import Cloud, Gateway

pytestmark = pytest.mark.real


@pytest.mark.proves("R146", "A7")
def test_works_down_for_a_while_loses_nothing_and_the_queue_drains_by_itself(
    cloud: Cloud, gateway: Gateway, uid: Callable[[], str]
) -> None:
    study = uid()
    sent = [samples.small(uid(), study) for _ in range(8)]
    with samples.association(gateway.target) as ultrasound:
        assert [ultrasound.store(one) for one in sent[:2]] == [0, 0]
    gateway.arrived(study, 2)
    cloud.stage.works.stop()
    try:
        with samples.association(gateway.target) as ultrasound:
            assert [ultrasound.store(one) for one in sent[2:]] == [0] * 6
        wait_for(gateway.link_problem, 30, "the gateway notices that Works is away")
    finally:
        cloud.stage.start_works()
    journey = gateway.arrived(study, len(sent), seconds=90)
    stored = {name: data_set_bytes(whole) for name, whole in cloud.objects_of(journey).items()}
    assert stored == {one.sop_instance_uid: one.data_set for one in sent}
    wait_for(gateway.nothing_is_waiting, 30, "the queue is empty")
