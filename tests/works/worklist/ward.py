"""Heart Clinic with worklist servers: what its gateway tells of them, and what is asked in return."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from smartlink.link import paths
from smartlink.link.worklist import WorklistItem, WorklistPut
from smartlink.works.store import worklists
from smartlink.works.store.worklists import ItemRow
from tests.works.exams.stage import Stage
from tests.works.world import Gateway

SERVER: dict[str, Any] = {"kind": "worklist", "name": "Hospital", "ae_title": "HOSPITAL", "port": 104, "mapping": None}


@dataclass
class Ward:
    """The stage, and the worklist servers of its gateway."""

    stage: Stage

    def server(
        self, ae_title: str = "HOSPITAL", specialty: uuid.UUID | None = None, gateway: Gateway | None = None
    ) -> uuid.UUID:
        """Another worklist server; of the exam's specialty unless another is named."""
        server = uuid.uuid4()
        by = gateway or self.stage.gateway
        wanted = [str(specialty or by.place.specialty_id)]
        fields = SERVER | {"name": ae_title.title(), "ae_title": ae_title, "specialty_ids": wanted}
        assert by.put_connection(server, **fields).status_code == 200
        return server

    def item(self, patient_id: str = "P-1", **values: Any) -> WorklistItem:
        """A step that begins in an hour."""
        known = {
            "patient_name": "Yamada^Tarou=山田^太郎=やまだ^たろう",
            "patient_id": patient_id,
            "issuer_of_patient_id": "HOSPITAL",
            "birth_date": "1965-03-12",
            "sex": "F",
            "accession_number": "ACC-1",
            "requested_procedure_id": "RP-1",
            "requested_procedure_description": "Echo",
            "study_instance_uid": "1.2.840.7.1",
            "step_id": "S-1",
            "start_at": self.stage.world.now + timedelta(hours=1),
        }
        return WorklistItem.model_validate(known | values)

    def put(
        self, server: uuid.UUID, *items: WorklistItem, gateway: Gateway | None = None, **fields: Any
    ) -> httpx.Response:
        """The gateway tells of a server: its list, unless `fields` say otherwise."""
        now = self.stage.world.now
        told = WorklistPut.model_validate({"checked_at": now, "fetched_at": now, "items": items} | fields)
        return self.stage.world.http.put(
            paths.WORKLIST.format(connection_id=server),
            json=told.model_dump(mode="json"),
            headers=(gateway or self.stage.gateway).headers(),
        )

    def listing(self, specialty: uuid.UUID | None = None, facility: uuid.UUID | None = None) -> list[ItemRow]:
        """What is on the facility's worklist now."""
        with self.stage.world.access.organisation(self.stage.organisation_id) as site:
            place = facility or self.stage.place.facility_id
            return worklists.listing(site, place, specialty, self.stage.world.now, most=1000)

    def patients(self, specialty: uuid.UUID | None = None) -> list[str]:
        """Whose steps those are."""
        return [one.patient_id for one in self.listing(specialty)]
