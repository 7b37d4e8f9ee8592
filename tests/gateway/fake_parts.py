"""The part of the small Works that takes large objects in parts, and counts what was put how often."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from smartlink.link.uploads import PART_SIZE, PartsRequest

FOLDER = "/objects/parts/"


@dataclass
class LargeObjects:
    """Parts by upload and number; tests read and change them while the server runs."""

    parts: dict[UUID, dict[int, bytes]] = field(default_factory=dict)
    puts: Counter[tuple[UUID, int]] = field(default_factory=Counter)
    """How often each part came whole."""
    verifications: int = 0
    """How often more a confirmation answers that the whole is being read."""

    def permit(self, reference: str, upload_id: UUID) -> dict[str, Any]:
        self.parts.setdefault(upload_id, {})
        return {"outcome": "multipart", "reference": reference, "upload_id": str(upload_id)}

    def tickets(self, url: str, message: dict[str, Any], now: datetime) -> dict[str, Any]:
        request = PartsRequest.model_validate(message)
        there = self.parts.get(request.upload_id)
        if there is None:
            return {"tickets": [], "unknown": True}
        stored = [part.number for part in request.parts if part.number in there]
        tickets = [
            {
                "number": part.number,
                "url": f"{url}{FOLDER}{request.upload_id}/{part.number}",
                "headers": {
                    "content-length": str(part.size),
                    "x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(part.sha256)).decode(),
                },
                "expires_at": (now + timedelta(minutes=15)).isoformat(),
            }
            for part in request.parts
            if part.number not in there
        ]
        return {"tickets": tickets, "stored": stored}

    def put(self, path: str, headers: dict[str, str], body: bytes) -> str | None:
        """Take a part; what is wrong with it, in the store's words."""
        upload_id, _, number = path.removeprefix(FOLDER).partition("/")
        there = self.parts.get(UUID(upload_id))
        if there is None:
            return "NoSuchUpload"
        if base64.b64encode(hashlib.sha256(body).digest()).decode() != headers["x-amz-checksum-sha256"]:
            return "BadDigest"
        self.puts[UUID(upload_id), int(number)] += 1
        there[int(number)] = body
        return None

    def whole(self, upload_id: UUID, size: int) -> bytes | None:
        """The joined object, when all its parts are there."""
        there = self.parts.get(upload_id, {})
        if set(there) != set(range(1, -(-size // PART_SIZE) + 1)):
            return None
        return b"".join(there[number] for number in sorted(there))

    def is_read(self) -> bool:
        """Whether the whole has been verified by now."""
        self.verifications -= 1
        return self.verifications < 0
