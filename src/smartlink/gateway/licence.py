"""The states of a gateway's licence and what may run in each (R27, R34, F2): pure."""

from __future__ import annotations

from enum import StrEnum


class LicenceState(StrEnum):
    """How the gateway stands with Works: unlicensed → active → revoked or released, and active again."""

    UNLICENSED = "unlicensed"
    ACTIVE = "active"
    REVOKED = "revoked"
    RELEASED = "released"

    @property
    def words(self) -> str:
        """A sentence for a person: what this state means and what to do."""
        return {
            LicenceState.UNLICENSED: "No licence yet. Enter the license key with: smartlink activate KEY",
            LicenceState.ACTIVE: "Active.",
            LicenceState.REVOKED: (
                "Revoked: the license key was regenerated in Works. Images already received are kept."
                " Enter the new key with: smartlink activate KEY"
            ),
            LicenceState.RELEASED: "Released. Enter a license key with: smartlink activate KEY",
        }[self]
