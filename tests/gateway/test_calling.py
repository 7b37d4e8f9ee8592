from __future__ import annotations

from smartlink.gateway.calling import AssociationFailed, Layer
from smartlink.gateway.errors import GatewayError


def test_a_failed_association_says_where_and_what_to_do() -> None:
    failed = AssociationFailed(Layer.PORT, "Nothing listens.", "Check the port.")
    assert isinstance(failed, GatewayError)
    assert (str(failed), failed.layer, failed.remedy) == ("Nothing listens.", "port", "Check the port.")
