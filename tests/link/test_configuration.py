"""The configuration is read back as it was written."""

from __future__ import annotations

import uuid

from smartlink.link.configuration import Configuration, Facility, Named


def test_a_configuration_travels_and_comes_back() -> None:
    cardiology = Named(id=uuid.UUID(int=3), name="Cardiology")
    sent = Configuration(
        organisation=Named(id=uuid.UUID(int=1), name="Northfield Group"),
        facility=Facility(id=uuid.UUID(int=2), name="Northfield General", time_zone="Europe/Madrid"),
        specialties=(cardiology,),
        default_specialty_id=cardiology.id,
    )
    assert Configuration.model_validate_json(sent.model_dump_json()) == sent
