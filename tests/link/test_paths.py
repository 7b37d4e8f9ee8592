"""Only the addresses that a stranger must reach are open."""

from __future__ import annotations

from smartlink.link import paths


def test_only_health_keys_releases_activation_and_token_need_no_bearer_token() -> None:
    addresses = {
        value
        for name, value in vars(paths).items()
        if name.isupper() and isinstance(value, str) and value.startswith("/")
    }
    assert addresses - paths.OPEN == {
        paths.RELEASE,
        paths.HEARTBEAT,
        paths.CONFIGURATION,
        paths.CONNECTION,
        paths.UPLOADS_OFFER,
        paths.UPLOADS_CONFIRM,
        paths.UPLOADS_PARTS,
        paths.COMMANDS,
        paths.COMMANDS_ACKNOWLEDGE,
        paths.DOWNLOADS,
        paths.DELIVERIES_REPORT,
        paths.FAILURES,
        paths.STORAGE_PROBE,
        paths.JOURNEY,
        paths.RECONCILE_STUDIES,
        paths.RECONCILE_INSTANCES,
        paths.RECONCILE_SEND_AGAIN,
        paths.SYNTHETIC_ENDED,
        paths.WORKLIST,
    }
