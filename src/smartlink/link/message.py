"""What all messages of the link have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints

from smartlink.standard.names import UID, AETitle


class Message(BaseModel):
    """A frozen message; fields that this side does not know yet are ignored, so that versions can meet."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def _uid(text: str) -> str:
    return UID.parse(text)


def _ae_title(text: str) -> str:
    return AETitle.parse(text)


UIDText = Annotated[str, StringConstraints(max_length=64), AfterValidator(_uid)]
AETitleText = Annotated[str, StringConstraints(max_length=32), AfterValidator(_ae_title)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in lower-case hexadecimal."""
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Moment = AwareDatetime
"""A time with its offset; naive times are refused."""
