"""A message cannot be changed once it is read."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from smartlink.link.heartbeat import Queue


def test_a_message_is_frozen() -> None:
    queue = Queue(waiting=1)
    with pytest.raises(ValidationError):
        setattr(queue, "waiting", 2)  # noqa: B010 - mypy knows that it cannot be set
