"""Commands are read back as they were written; one of a newer Works is recognised as unknown."""

from __future__ import annotations

import uuid

import pytest
from pydantic import ValidationError

from smartlink.link.commands import (
    MOST_ITEMS,
    Acknowledge,
    Cancel,
    Commands,
    Deliver,
    OrderedInstance,
    Synchronise,
    UnknownCommand,
)

ONE = uuid.UUID(int=1)


def ordered(number: int = 7) -> OrderedInstance:
    """Return one ordered instance."""
    return OrderedInstance(
        item_id=uuid.UUID(int=number),
        sop_class_uid="1.2.840.10008.5.1.4.1.1.6.1",
        sop_instance_uid=f"1.2.{number}",
        study_instance_uid="1.2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        size=1000,
        object_sha256="a" * 64,
        dataset_sha256="b" * 64,
    )


def test_commands_of_every_kind_travel_and_come_back() -> None:
    commands = Commands(
        commands=(
            Deliver(command_id=ONE, delivery_id=ONE, connection_id=ONE, instances=(ordered(),), resend=True),
            Cancel(command_id=ONE, delivery_id=ONE),
            Synchronise(command_id=ONE),
        )
    )
    assert Commands.model_validate_json(commands.model_dump_json()) == commands


def test_a_command_from_the_future_is_unknown_and_the_others_stand() -> None:
    told = {
        "commands": [
            {"kind": "dance", "command_id": str(ONE), "with": 3},
            {"kind": "synchronise", "command_id": str(ONE)},
        ]
    }
    read = Commands.model_validate(told).commands
    assert read == (UnknownCommand(kind="dance", command_id=ONE), Synchronise(command_id=ONE))


def test_an_order_has_a_limit() -> None:
    many = tuple(ordered(number) for number in range(1, MOST_ITEMS + 2))
    with pytest.raises(ValidationError):
        Deliver(command_id=ONE, delivery_id=ONE, connection_id=ONE, instances=many)


def test_nothing_cannot_be_acknowledged() -> None:
    with pytest.raises(ValidationError):
        Acknowledge(command_ids=())
