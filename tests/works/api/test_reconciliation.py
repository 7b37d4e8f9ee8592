"""The routes of reconciliation answer a gateway and nobody else, and refuse what is too much."""

from __future__ import annotations

import uuid

from smartlink.link import paths
from smartlink.link.reconciliation import MOST_INSTANCES, digest_of
from tests.works.world import World


def test_a_gateway_asks_and_is_answered(world: World) -> None:
    gateway = world.gateway(world.organisation("Heart Clinic"))

    def ask(path: str, **body: object) -> tuple[int, dict[str, object]]:
        answer = world.http.post(path, json=body, headers=gateway.headers())
        return answer.status_code, answer.json()

    studies = [{"study_instance_uid": "1.2", "digest": digest_of(["1.3"])}]
    assert ask(paths.RECONCILE_STUDIES, studies=studies) == (200, {"same": []})
    instances = {"study_instance_uid": "1.2", "sop_instance_uids": ["1.3"]}
    assert ask(paths.RECONCILE_INSTANCES, **instances) == (200, {"holdings": ["missing"]})
    assert ask(paths.RECONCILE_SEND_AGAIN, item_ids=[str(uuid.uuid4())]) == (200, {"item_ids": []})
    many = {"study_instance_uid": "1.2", "sop_instance_uids": ["1.3"] * (MOST_INSTANCES + 1)}
    assert ask(paths.RECONCILE_INSTANCES, **many)[0] == 422
    gateway.token = "nobody"
    assert ask(paths.RECONCILE_INSTANCES, **instances)[0] == 401
