"""The parts fit together, and the deployment's key is made once and kept for its owner."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import httpx

from smartlink.works import build, settings
from smartlink.works.store.listen import Listener
from smartlink.works.tasks import names
from tests.works.services import Bucket, TestDatabase
from tests.works.serving import serving


def test_the_deployment_s_key_is_made_once_and_is_its_owner_s(tmp_path: Path) -> None:
    key = build.deployment_key(tmp_path)
    assert build.deployment_key(tmp_path).thumbprint() == key.thumbprint()
    assert (tmp_path / build.KEY_FILE).stat().st_mode & 0o077 == 0
    assert set(build.public_keys(key).keys[0]) == {"kty", "crv", "x", "use", "kid"}


def test_the_application_is_built_on_services_of_one_s_own(
    database: TestDatabase, bucket: Bucket, tmp_path: Path
) -> None:
    own = settings.read(
        data=tmp_path,
        database_url=database.application_url,
        database_owner_url=database.owner_url,
        storage_endpoint=bucket.endpoint,
        storage_bucket=bucket.name,
        storage_access_key=bucket.access_key,
        storage_secret_key=bucket.secret_key,
    )
    with build.floor(own) as ground:
        assert build.is_healthy(ground)
        listener = Listener(ground.application_url)
        with serving(build.application(own, ground, listener, lambda: datetime.now(UTC))) as address:
            assert httpx.get(f"{address}/health").json() == {"status": "ok"}
            assert httpx.get(f"{address}/sign-in").status_code == 200
        assert not build.worker(own, ground, lambda: datetime.now(UTC)).alive
        jobs = build.Jobs(own, ground, lambda: datetime.now(UTC))
        assert {*jobs.tasks(), *jobs.every_minute()} == set(names.QUEUES)
        for look in jobs.every_minute().values():
            look()
