"""The program as it runs: it answers, works off what was deferred, and ends in order on SIGTERM."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from tests.works.services import Bucket, TestDatabase


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def environment(database: TestDatabase, bucket: Bucket, folder: Path, port: int) -> dict[str, str]:
    """The environment of a Works on the test's own services."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WORKS_")}
    return kept | {
        "WORKS_DATA": str(folder),
        "WORKS_PORT": str(port),
        "WORKS_DATABASE_URL": database.application_url,
        "WORKS_DATABASE_OWNER_URL": database.owner_url,
        "WORKS_STORAGE_ENDPOINT": bucket.endpoint,
        "WORKS_STORAGE_BUCKET": bucket.name,
        "WORKS_STORAGE_ACCESS_KEY": bucket.access_key,
        "WORKS_STORAGE_SECRET_KEY": bucket.secret_key,
    }


def test_works_answers_and_ends_in_order(database: TestDatabase, bucket: Bucket, tmp_path: Path) -> None:
    port = _free_port()
    works = Path(sys.executable).parent / "works"
    with subprocess.Popen(
        [str(works), "run", "--json"],
        env=environment(database, bucket, tmp_path, port),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert str(port) in process.stdout.readline()
        assert httpx.get(f"http://127.0.0.1:{port}/health", timeout=10).json() == {"status": "ok"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0


def test_a_port_in_use_is_said_in_a_sentence(database: TestDatabase, bucket: Bucket, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = subprocess.run(
            [str(Path(sys.executable).parent / "works"), "serve"],
            env=environment(database, bucket, tmp_path, taken.getsockname()[1]),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert "Address already in use" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
