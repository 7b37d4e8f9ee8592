"""Works down for a while: the ultrasound notices nothing, nothing is lost, and the queue drains by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smartlink.demo.exam import data_set_bytes
from smartlink.demo.programs import wait_for
from tests.real import samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.real.world import Cloud

pytestmark = pytest.mark.real


@pytest.mark.timeout(180)
@pytest.mark.proves("R146")
def test_works_down_for_a_while_loses_nothing_and_the_queue_drains_by_itself(
    own_cloud: Cloud, tmp_path_factory: pytest.TempPathFactory, uid: Callable[[], str]
) -> None:
    gateway = own_cloud.gateway(tmp_path_factory.mktemp("gateway"))
    study = uid()
    sent = [samples.small(uid(), study) for _ in range(8)]
    try:
        gateway.open(own_cloud.licence_key())
        with samples.association(gateway.target) as ultrasound:
            assert [ultrasound.store(one) for one in sent[:2]] == [0, 0]
        own_cloud.arrived(study, 2)
        own_cloud.stage.works.stop()
        with samples.association(gateway.target) as ultrasound:
            assert [ultrasound.store(one) for one in sent[2:]] == [0] * 6
        wait_for(gateway.link_problem, 30, "the gateway notices that Works is away", pause=0.2)
        own_cloud.stage.start_works()
        journey = own_cloud.arrived(study, len(sent), seconds=120)
    finally:
        gateway.stage.gateway.stop()
    stored = {name: data_set_bytes(whole) for name, whole in own_cloud.objects_of(journey).items()}
    assert stored == {one.sop_instance_uid: one.data_set for one in sent}
