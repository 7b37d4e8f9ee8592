"""Where each message goes: the addresses of the link, below Works' public URL, and the headers every call carries."""

from __future__ import annotations

from typing import Final

VERSION: Final = 1
VERSION_HEADER: Final = "Link-Version"
IDEMPOTENCY_HEADER: Final = "Idempotency-Key"

HEALTH: Final = "/health"
KEYS: Final = "/link/v1/keys"
ACTIVATE: Final = "/link/v1/activate"
TOKEN: Final = "/link/v1/token"  # noqa: S105 - an address, not a secret
RELEASE: Final = "/link/v1/release"
HEARTBEAT: Final = "/link/v1/heartbeat"
CONFIGURATION: Final = "/link/v1/configuration"
CONNECTION: Final = "/link/v1/connections/{connection_id}"
UPLOADS_OFFER: Final = "/link/v1/uploads/offer"
UPLOADS_CONFIRM: Final = "/link/v1/uploads/confirm"
UPLOADS_PARTS: Final = "/link/v1/uploads/parts"
COMMANDS: Final = "/link/v1/commands"
"""GET, with `wait` in seconds: the long poll."""
COMMANDS_ACKNOWLEDGE: Final = "/link/v1/commands/acknowledge"
DOWNLOADS: Final = "/link/v1/downloads"
DELIVERIES_REPORT: Final = "/link/v1/deliveries/report"
RECONCILE_STUDIES: Final = "/link/v1/reconciliation/studies"
RECONCILE_INSTANCES: Final = "/link/v1/reconciliation/instances"
RECONCILE_SEND_AGAIN: Final = "/link/v1/reconciliation/send-again"
FAILURES: Final = "/link/v1/failures"
STORAGE_PROBE: Final = "/link/v1/storage-probe"
RELEASES_LATEST: Final = "/link/v1/releases/latest"
JOURNEY: Final = "/link/v1/journey"
SYNTHETIC_ENDED: Final = "/link/v1/synthetic/ended"
WORKLIST: Final = "/link/v1/worklists/{connection_id}"
"""PUT, by the connection's id at Works."""

OPEN: Final = frozenset({HEALTH, KEYS, RELEASES_LATEST, ACTIVATE, TOKEN})
"""The addresses that need no bearer token: the caller has none yet, or needs none."""
