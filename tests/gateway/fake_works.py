"""A small Works of our own: a real HTTP server that speaks the link, and object storage beside it.

It is strict where Works is: assertions are verified, tokens expire, tickets bind length and digest, objects are
never overwritten. `disturb` makes it answer once, or always, as a broken one would.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

from smartlink.link import assertion, licence_key, paths
from smartlink.link.connections import Connection
from smartlink.link.problems import MEDIA_TYPE, Problem, ProblemType
from smartlink.link.uploads import LARGEST_WHOLE, OfferedInstance
from tests.gateway.fake_orders import Orders
from tests.gateway.fake_parts import FOLDER, LargeObjects

Reply = tuple[int, str, bytes]
"""Status, media type, body."""

_INSIGHT = {
    paths.STORAGE_PROBE,
    paths.JOURNEY,
    paths.SYNTHETIC_ENDED,
    paths.RECONCILE_STUDIES,
    paths.RECONCILE_INSTANCES,
}
PROBE_DIGEST = base64.b64encode(hashlib.sha256(b"\0").digest()).decode()
PROXY_PAGE: Reply = (502, "text/html", b"<html><h1>502 Bad Gateway</h1></html>")
PORTAL_PAGE: Reply = (200, "text/html", b"<html>Please accept our terms</html>")


def problem(kind: ProblemType, detail: str = "") -> Reply:
    document = Problem(type=kind, title=kind.name, status=kind.status, detail=detail)
    return kind.status, MEDIA_TYPE, document.model_dump_json().encode()


def store_error(status: int, code: str) -> Reply:
    return status, "application/xml", f"<Error><Code>{code}</Code></Error>".encode()


@dataclass
class Upload:
    """What was offered, and whether it is there."""

    offered: OfferedInstance
    upload_id: UUID
    stored: bool = False


@dataclass
class FakeWorks:
    """The state of the server; tests read and change it while it runs."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    key: str = field(default_factory=licence_key.generate)
    clock_ahead: timedelta = timedelta()
    etag: str = '"1"'
    url: str = ""
    organisation_id: UUID = field(default_factory=uuid.uuid4)
    facility_id: UUID = field(default_factory=uuid.uuid4)
    specialty_id: UUID = field(default_factory=uuid.uuid4)
    gateways: dict[UUID, str] = field(default_factory=dict)
    revoked: set[UUID] = field(default_factory=set)
    tokens: dict[str, UUID] = field(default_factory=dict)
    restorable: list[Connection] = field(default_factory=list)
    connections: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    deleted: list[UUID] = field(default_factory=list)
    uploads: dict[UUID, Upload] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    heartbeats: list[dict[str, Any]] = field(default_factory=list)
    worklists: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    orders: Orders = field(default_factory=Orders)
    large: LargeObjects = field(default_factory=LargeObjects)
    calls: list[str] = field(default_factory=list)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What is answered to open questions that change nothing: address to message."""
    puts: int = 0
    ended: list[str] = field(default_factory=list)
    journeys: dict[str, dict[str, Any]] = field(default_factory=dict)
    disturbances: list[tuple[str, Reply | None, int]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def disturb(self, path: str, reply: Reply | None, times: int = 1) -> None:
        """Answer `reply` to the next `times` calls whose path contains `path`; None hangs up without a word."""
        with self.lock:
            self.disturbances.append((path, reply, times))

    def calm(self) -> None:
        """Answer properly again."""
        with self.lock:
            self.disturbances.clear()

    def disturbance(self, path: str) -> tuple[bool, Reply | None]:
        with self.lock:
            for index, (part, reply, times) in enumerate(self.disturbances):
                if part in path:
                    if times == 1:
                        del self.disturbances[index]
                    else:
                        self.disturbances[index] = (part, reply, times - 1)
                    return True, reply
        return False, None

    def stored_data_sets(self) -> list[str]:
        """The digests of the Data Sets that arrived and were confirmed."""
        with self.lock:
            return [one.offered.dataset_sha256 for one in self.uploads.values() if one.stored]

    def configuration(self) -> dict[str, Any]:
        return {
            "organisation": {"id": str(self.organisation_id), "name": "St. Mary"},
            "facility": {"id": str(self.facility_id), "name": "Emergency", "time_zone": "Europe/Madrid"},
            "specialties": [{"id": str(self.specialty_id), "name": "Cardiology"}],
            "default_specialty_id": str(self.specialty_id),
            "connections": [one.model_dump(mode="json") for one in self.restorable],
        }

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[Reply, dict[str, str]]:
        self.calls.append(f"{method} {path}")
        if path.startswith("/objects/"):
            return self._put(path, headers, body), {"ETag": '"x"'}
        if path.startswith("/ordered/") or path in paths.OPEN:
            return self._open(path, body), {}
        gateway = self.tokens.get(headers.get("authorization", "").removeprefix("Bearer "))
        if gateway is None or gateway in self.revoked:
            known = gateway is not None
            return problem(ProblemType.LICENCE_REVOKED if known else ProblemType.TOKEN_REFUSED, "A newer key."), {}
        if path == paths.CONFIGURATION:
            same = headers.get("if-none-match") == self.etag
            return (304, "application/json", b"") if same else _ok(self.configuration()), {"ETag": self.etag}
        if path.partition("?")[0] == paths.COMMANDS:
            return _ok(self.orders.fetch(again="again=true" in path)), {}
        return (self._delete(path) if method == "DELETE" else self._write(path, json.loads(body or b"{}"), headers)), {}

    def _open(self, path: str, body: bytes) -> Reply:
        if path.startswith("/ordered/"):
            return 200, "application/dicom", self.orders.get(UUID(path.rpartition("/")[2]))
        if path == paths.HEALTH:
            return _ok({"status": "ok"})
        if path in self.told:
            return _ok(self.told[path])
        message = json.loads(body)
        return self._activate(message) if path == paths.ACTIVATE else self._token(message)

    def _write(self, path: str, message: dict[str, Any], headers: dict[str, str]) -> Reply:
        assert headers[paths.IDEMPOTENCY_HEADER.lower()]
        if path in {paths.COMMANDS_ACKNOWLEDGE, paths.DOWNLOADS, paths.DELIVERIES_REPORT}:
            return _ok(self.orders.answer(path, message))
        if path in {paths.HEARTBEAT, paths.RELEASE}:
            return _ok(self._life(path, message, headers))
        if path in _INSIGHT:
            return _ok(self._insight(path, message))
        if path == paths.FAILURES:
            self.failures.append(message)
            return _ok({})
        if path in {paths.UPLOADS_OFFER, paths.UPLOADS_PARTS, paths.UPLOADS_CONFIRM}:
            return _ok(self._upload(path, message))
        connection_id = UUID(path.rpartition("/")[2])
        if path == paths.WORKLIST.format(connection_id=connection_id):
            self.worklists.append(message)
            answer = {"connection_id": str(connection_id), "items": len(message["items"] or ())}
        else:
            self.connections[connection_id] = message
            answer = {"id": str(connection_id), "version": message["version"] + 1}
        return _ok(answer)

    def _life(self, path: str, message: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        if path == paths.RELEASE:
            self.revoked.add(self.tokens[headers["authorization"].removeprefix("Bearer ")])
            return {"released_at": self.now().isoformat()}
        self.heartbeats.append(message)
        return {"server_time": self.now().isoformat(), "configuration_etag": self.etag}

    def _insight(self, path: str, message: dict[str, Any]) -> dict[str, Any]:
        if path == paths.STORAGE_PROBE:
            headers = {"x-amz-checksum-sha256": PROBE_DIGEST, "if-none-match": "*", "content-length": "1"}
            until = (self.now() + timedelta(minutes=5)).isoformat()
            return {"url": f"{self.url}/objects/probe", "headers": headers, "expires_at": until}
        if path == paths.SYNTHETIC_ENDED:
            self.ended.append(message["study_instance_uid"])
            return {"instances": 1}
        if path != paths.JOURNEY:  # it remembers nothing of what it was sent
            return {"same": [], "holdings": ["missing"] * len(message.get("sop_instance_uids", ()))}
        study = message["study"]
        return {"study_instance_uid": study, **self._ingested(study)} | self.journeys.get(study, {})

    def _ingested(self, study: str) -> dict[str, Any]:
        """Whatever arrived is in Unassigned at once."""
        at = self.now().isoformat()
        found = [one.offered for one in self.uploads.values() if one.stored and one.offered.study_instance_uid == study]
        instances = [
            {"sop_instance_uid": one.sop_instance_uid, "state": "ingested", "confirmed_at": at, "ingested_at": at}
            for one in found
        ]
        return {"exam": {"folder": "unassigned"} if found else None, "instances": instances}

    def _upload(self, path: str, message: dict[str, Any]) -> dict[str, Any]:
        if path == paths.UPLOADS_PARTS:
            return self.large.tickets(self.url, message, self.now())
        if path == paths.UPLOADS_OFFER:
            return {"answers": [self._offered(one) for one in message["instances"]]}
        return {"answers": [self._confirmed(UUID(one)) for one in message["upload_ids"]]}

    def _delete(self, path: str) -> Reply:
        connection_id = UUID(path.rpartition("/")[2])
        self.connections.pop(connection_id, None)
        self.deleted.append(connection_id)
        return _ok({"id": str(connection_id)})

    def _activate(self, message: dict[str, Any]) -> Reply:
        if message["licence_key"] != self.key:
            return problem(ProblemType.LICENCE_UNKNOWN)
        gateway_id = uuid.uuid4()
        self.gateways[gateway_id] = message["public_key"]
        moment = self.now().isoformat()
        return _ok({"gateway_id": str(gateway_id), "configuration": self.configuration(), "activated_at": moment})

    def _token(self, message: dict[str, Any]) -> Reply:
        try:
            gateway = assertion.subject(message["assertion"])
            public = assertion.load_public(self.gateways[gateway])
            assertion.verify(message["assertion"], public, self.url + paths.TOKEN, self.now() + self.clock_ahead)
        except (assertion.AssertionRefused, KeyError):
            return problem(ProblemType.ASSERTION_REFUSED)
        if gateway in self.revoked:
            return problem(ProblemType.LICENCE_REVOKED, "A newer key was made.")
        token = uuid.uuid4().hex
        self.tokens[token] = gateway
        return _ok({"access_token": token, "token_type": "Bearer", "expires_in": 600})

    def _offered(self, message: dict[str, Any]) -> dict[str, Any]:
        offered = OfferedInstance.model_validate(message)
        if offered.connection_id not in self.connections:
            return _refused(offered, ProblemType.CONNECTION_UNKNOWN)
        same = [one for one in self.uploads.values() if one.offered.sop_instance_uid == offered.sop_instance_uid]
        held = next((one for one in same if one.stored and one.offered.dataset_sha256 == offered.dataset_sha256), None)
        if held is not None:
            return {"outcome": "held", "reference": offered.reference, "receipt": self._receipt(held)}
        begun = next((one for one in same if offered.size > LARGEST_WHOLE and one.offered == offered), None)
        upload = begun or Upload(offered, uuid.uuid4())
        self.uploads[upload.upload_id] = upload
        if offered.size > LARGEST_WHOLE:
            return self.large.permit(offered.reference, upload.upload_id)
        digest = base64.b64encode(bytes.fromhex(offered.object_sha256)).decode()
        return {
            "outcome": "ticket",
            "reference": offered.reference,
            "upload_id": str(upload.upload_id),
            "method": "PUT",
            "url": f"{self.url}/objects/{offered.object_sha256}",
            "headers": {
                "x-amz-checksum-sha256": digest,
                "If-None-Match": "*",
                "content-length": str(offered.size),
            },
            "expires_at": (self.now() + timedelta(minutes=15)).isoformat(),
            "conflict": any(one.stored for one in same),
        }

    def _put(self, path: str, headers: dict[str, str], body: bytes) -> Reply:
        self.puts += 1
        if path.startswith(FOLDER):
            wrong = self.large.put(path, headers, body)
            return (200, "application/xml", b"") if wrong is None else store_error(400, wrong)
        name = path.removeprefix("/objects/")
        if "transfer-encoding" in headers:
            return store_error(501, "NotImplemented")
        if base64.b64encode(hashlib.sha256(body).digest()).decode() != headers["x-amz-checksum-sha256"]:
            return store_error(400, "BadDigest")
        with self.lock:
            if name in self.objects and headers.get("if-none-match") == "*":
                return store_error(412, "PreconditionFailed")
            self.objects[name] = body
        return 200, "application/xml", b""

    def _confirmed(self, upload_id: UUID) -> dict[str, Any]:
        upload = self.uploads.get(upload_id)
        whole = None if upload is None else self.large.whole(upload_id, upload.offered.size)
        if upload is not None and whole is not None:
            if not self.large.is_read():
                return {"outcome": "verifying", "upload_id": str(upload_id)}
            self.objects[hashlib.sha256(whole).hexdigest()] = whole
        if upload is None or upload.offered.object_sha256 not in self.objects:
            return {"outcome": "missing", "upload_id": str(upload_id), "detail": "Offer it again."}
        upload.stored = True
        return {"outcome": "stored", "upload_id": str(upload_id), "receipt": self._receipt(upload)}

    def _receipt(self, upload: Upload) -> dict[str, Any]:
        return {
            "upload_id": str(upload.upload_id),
            "sop_instance_uid": upload.offered.sop_instance_uid,
            "object_sha256": upload.offered.object_sha256,
            "stored_at": self.now().isoformat(),
        }


def _ok(message: dict[str, Any]) -> Reply:
    return 200, "application/json", json.dumps(message).encode()


def _refused(offered: OfferedInstance, kind: ProblemType) -> dict[str, Any]:
    return {"outcome": "refused", "reference": offered.reference, "type": kind, "detail": kind.name}


@contextmanager
def serving(works: FakeWorks, port: int = 0) -> Iterator[FakeWorks]:
    """Serve `works` on this machine until the block ends; its address is in `works.url`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            disturbed, reply = works.disturbance(self.path)
            more: dict[str, str] = {}
            if not disturbed:
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply, more = works.answer(self.command, self.path, headers, body)
            if reply is None:
                self.close_connection = True
                return
            status, media_type, content = reply
            self.send_response_only(status)
            self.send_header("Date", format_datetime(works.now() + works.clock_ahead, usegmt=True))
            for name, value in more.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  the names that http.server looks for

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    works.url = works.orders.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield works
    finally:
        works.orders.end()
        server.shutdown()
        server.server_close()
        thread.join()
