"""Who this gateway is at Works, for every call that it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smartlink.gateway.errors import TryAgain
from smartlink.gateway.uplink.works import Account
from smartlink.link.assertion import load_private

if TYPE_CHECKING:
    from smartlink.gateway.service import Standing
    from smartlink.gateway.settings import Deployment


class Accounts:
    """The gateway's account, its key read from disk once for each activation."""

    def __init__(self, deployment: Deployment, standing: Standing) -> None:
        self._deployment = deployment
        self._standing = standing
        self._known: Account | None = None

    def __call__(self) -> Account:
        """Return the account, or raise TryAgain when there is none that can be used."""
        licence = self._standing.licence
        if licence.gateway_id is None or licence.works_url is None:
            raise TryAgain("There is no licence yet.")
        known = self._known
        if known is None or known.gateway_id != licence.gateway_id or known.works_url != licence.works_url:
            try:
                key = load_private(self._deployment.credential.read_bytes())
            except (OSError, ValueError) as error:
                raise TryAgain(
                    f"The credential cannot be read ({type(error).__name__}). Activate with the license key again."
                ) from error
            known = self._known = Account(licence.works_url, licence.gateway_id, key)
        return known
