from __future__ import annotations

import pytest

from smartlink.gateway.calling import AssociationFailed, Layer
from smartlink.gateway.errors import GatewayError


def test_a_failed_association_says_where_and_what_to_do() -> None:
    failed = AssociationFailed(Layer.PORT, "Nothing listens.", "Check the port.")
    assert isinstance(failed, GatewayError)
    assert (str(failed), failed.layer, failed.remedy) == ("Nothing listens.", "port", "Check the port.")


@pytest.mark.proves("R56")
def test_the_remedy_names_the_kind_of_server() -> None:
    failed = AssociationFailed(Layer.PORT, "Nothing listens.", "Look at the PACS server, or ask whoever runs the PACS.")
    there = failed.at("worklist server")
    assert there.remedy == "Look at the worklist server, or ask whoever runs the worklist server."
    assert (there.layer, there.sentence) == (failed.layer, failed.sentence)
