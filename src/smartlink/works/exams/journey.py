"""Where an exam is, how each of its instances came and where each went, and what is missing and why (R104).

What `works journey` prints and a gateway may ask for its own facility. No word about the patient.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from smartlink.link.insight import JourneyRequest, JourneyTold
from smartlink.works.access import Access, Site
from smartlink.works.exams.delivery import Item, State
from smartlink.works.fleet.tokens import Caller
from smartlink.works.store import arrivals, journeys

_UNASSIGNED: Final = {
    "no_match": "the name in the images is not that of an active user here",
    "ambiguous": "several users could be meant",
    "tag_missing": "the images do not name a physician where the connection looks for one",
    "mapping_none": "the connection puts all exams there",
    "user_inactive": "the physician named is not active",
}

_NOT_INGESTED: Final = {
    "offered": "was offered and has not been confirmed: the gateway has yet to put it into storage.",
    "verifying": "is in storage and being read to verify it.",
    "confirmed": "is in storage and has not been ingested: background work of Works is behind.",
    "withheld": "was deleted in Works before and came again: it is kept aside until a person decides.",
}


@dataclass(frozen=True, slots=True)
class Journey:
    """One study's way through Works; `exam` is None while nothing of it is ingested."""

    study_instance_uid: str
    exam: dict[str, Any] | None
    instances: tuple[dict[str, Any], ...]
    deliveries: tuple[dict[str, Any], ...] = ()

    @property
    def known(self) -> bool:
        """Whether Works has heard of the study at all."""
        return bool(self.instances) or self.exam is not None

    @property
    def missing(self) -> tuple[str, ...]:
        """What has not happened yet, and why, in sentences for a person."""
        return tuple(_missing(self))

    def as_json(self) -> dict[str, Any]:
        """The same in JSON's types: times in ISO 8601, ids and digests as text."""
        return {
            "study_instance_uid": self.study_instance_uid,
            "exam": None if self.exam is None else _plain(self.exam),
            "instances": [_plain(instance) for instance in self.instances],
            "deliveries": [
                _plain(one) | {"instances": [_plain(item) for item in one["instances"]]} for one in self.deliveries
            ],
            "missing": list(self.missing),
        }


def of_study(site: Site, study_instance_uid: str) -> Journey:
    """The journey of a study of this organisation, instances in the order in which the gateway received them."""
    exam = arrivals.exam_journey(site, study_instance_uid)
    return Journey(
        study_instance_uid,
        exam,
        tuple(arrivals.journey(site, study_instance_uid)),
        () if exam is None else tuple(journeys.deliveries(site, exam["exam_id"])),
    )


def study_named(site: Site, text: str) -> str:
    """The Study Instance UID that is meant by an exam's id or by itself."""
    try:
        return journeys.study_of(site, uuid.UUID(text)) or text
    except ValueError:
        return text


def told(access: Access, caller: Caller, request: JourneyRequest) -> JourneyTold:
    """The journey, for a gateway of the exam's facility; an empty one when there is nothing of it there."""
    with access.organisation(caller.organisation_id) as site:
        study = study_named(site, request.study)
        found = of_study(site, study)
        facility = journeys.facility_of(site, study) if found.exam is not None else caller.facility_id
    own = tuple(one for one in found.instances if one["facility_id"] == caller.facility_id)
    if facility != caller.facility_id:
        return JourneyTold(study_instance_uid=request.study, exam=None, instances=())
    return JourneyTold.model_validate(replace(found, instances=own).as_json())


def _missing(journey: Journey) -> Iterator[str]:
    for number, one in enumerate(journey.instances, 1):
        if one["state"] in _NOT_INGESTED:
            yield f"Image {number} {_NOT_INGESTED[one['state']]}"
        elif one["failure"]:
            yield f"Image {number} could not be ingested: {one['failure']}"
    exam = journey.exam
    if exam is None or exam["is_test"]:
        return
    if exam["folder"] == "unassigned":
        why = _UNASSIGNED.get(exam["reason"] or "", "nobody could be found")
        yield f"The exam is in Unassigned ({why}): claim or assign it."
    if exam["submitted_at"] is None:
        yield "The exam has not been submitted: nothing was sent to a PACS."
    elif not journey.deliveries:
        yield "The exam was submitted, and no PACS serves its specialty."
    for delivery in journey.deliveries:
        yield from _not_sent(delivery)


def _not_sent(delivery: dict[str, Any]) -> Iterator[str]:
    if State(delivery["state"]) in {State.DELIVERED, State.CANCELLED, State.REPLACED}:
        return
    unsent = [one for one in delivery["instances"] if one["state"] != Item.SENT]
    cause = next((one["cause"] for one in unsent if one["cause"]), None)
    where = f"{delivery['connection_name']} ({delivery['ae_title']})"
    why = cause or delivery["reason"] or State(delivery["state"]).words
    yield f"{len(unsent)} of {len(delivery['instances'])} images have not reached {where}: {why}"


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _text(value) for name, value in values.items() if name != "instances"}


def _text(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    return value
