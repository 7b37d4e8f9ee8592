"""A derived object is made once for an identity and a Transfer Syntax, and stands for its original when ordered."""

from __future__ import annotations

import uuid
from dataclasses import replace

from smartlink.works.exams import submission
from smartlink.works.store import derived_objects
from smartlink.works.store.derived_objects import DerivedRow
from tests.works.exams.stage import Stage, stage

__all__ = ["stage"]


def made(stage: Stage, instance_id: uuid.UUID) -> DerivedRow:
    """What a job could have made of the instance."""
    return DerivedRow(
        id=uuid.uuid4(),
        instance_id=instance_id,
        identity_id=None,
        transfer_syntax_uid="1.2.840.10008.1.2",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.6.1",
        sop_instance_uid="2.25.1",
        study_instance_uid="2.25.2",
        size=77,
        object_sha256=b"\1" * 32,
        dataset_sha256=b"\2" * 32,
        object_key="objects/derived",
        created_at=stage.world.now,
    )


def test_what_was_derived_is_ordered_in_the_originals_place(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam())
    _, other = stage.take()
    stage.report("syntax_refused", other, accepted_transfer_syntaxes=["1.2.840.10008.1.2"])
    with stage.world.access.organisation(stage.organisation_id) as site:
        (wanted,) = derived_objects.to_derive(site, delivery)
        assert (str(wanted.item_id), wanted.state) == (other["item_id"], "syntax_refused")
        assert wanted.accepted_transfer_syntaxes == ["1.2.840.10008.1.2"]
        assert wanted.refused_transfer_syntax_uid == other["transfer_syntax_uid"]
        kept = derived_objects.add(site, made(stage, wanted.instance_id))
        again = derived_objects.add(site, replace(made(stage, wanted.instance_id), size=1))
        assert again == kept
        derived_objects.use(site, wanted.item_id, kept.id)
        assert derived_objects.to_derive(site, delivery) == []
        submission.ready(site, delivery, stage.world.now)
    (command,) = stage.poll()
    (ordered,) = command["instances"]
    assert (ordered["item_id"], ordered["sop_instance_uid"], ordered["study_instance_uid"], ordered["size"]) == (
        other["item_id"],
        "2.25.1",
        "2.25.2",
        77,
    )
    assert stage.state(delivery) == ("with_gateway", None)


def test_an_item_that_is_sent_is_not_exchanged(stage: Stage) -> None:
    stage.submit(stage.exam(1))
    (item,) = stage.take()
    stage.report("sent", item)
    with stage.world.access.organisation(stage.organisation_id) as site:
        derived_objects.use(site, uuid.UUID(item["item_id"]), None)
    assert stage.row("delivery_instance", uuid.UUID(item["item_id"]))["state"] == "sent"
