"""Where an exam is, and how each of its instances came: what `works journey` prints. No word about the patient."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smartlink.works.access import Site
from smartlink.works.store import arrivals


@dataclass(frozen=True, slots=True)
class Journey:
    """One study's way through Works; `exam` is None while nothing of it is ingested."""

    study_instance_uid: str
    exam: dict[str, Any] | None
    instances: tuple[dict[str, Any], ...]

    @property
    def known(self) -> bool:
        """Whether Works has heard of the study at all."""
        return bool(self.instances) or self.exam is not None

    def as_json(self) -> dict[str, Any]:
        """The same in JSON's types: times in ISO 8601, ids and digests as text."""
        return {
            "study_instance_uid": self.study_instance_uid,
            "exam": None if self.exam is None else _plain(self.exam),
            "instances": [_plain(instance) for instance in self.instances],
        }


def of_study(site: Site, study_instance_uid: str) -> Journey:
    """The journey of a study of this organisation, instances in the order in which the gateway received them."""
    return Journey(
        study_instance_uid,
        arrivals.exam_journey(site, study_instance_uid),
        tuple(arrivals.journey(site, study_instance_uid)),
    )


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _text(value) for name, value in values.items()}


def _text(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    return value
