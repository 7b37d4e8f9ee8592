from __future__ import annotations

from pathlib import Path

import pytest

from smartlink.gateway.accounts import Accounts
from smartlink.gateway.errors import TryAgain
from smartlink.gateway.service import Standing
from smartlink.gateway.settings import Deployment
from smartlink.gateway.store import licences
from smartlink.gateway.store.database import Database
from tests.gateway.store.test_licences import an_activation


def test_without_licence_or_credential_there_is_no_account(tmp_path: Path, database: Database) -> None:
    deployment = Deployment(data=tmp_path / "data")
    standing = Standing(database)
    account = Accounts(deployment, standing)
    with pytest.raises(TryAgain, match="no licence"):
        account()
    database.write(lambda tx: licences.activate(tx, an_activation()))
    standing.refresh()
    with pytest.raises(TryAgain, match="Activate with the license key again"):
        account()
    deployment.credential.write_text("no key")
    with pytest.raises(TryAgain, match="credential cannot be read"):
        account()
