"""Log lines are JSON with one of three levels."""

from __future__ import annotations

import json
import subprocess
import sys

SPEAK = "from smartlink.works import log; import structlog; log.configure(); structlog.get_logger().fatal('told', n=1)"


def test_a_line_is_json_with_the_manual_s_level() -> None:
    done = subprocess.run([sys.executable, "-c", SPEAK], capture_output=True, text=True, check=True)
    line = json.loads(done.stderr)
    assert (line["event"], line["level"], line["n"]) == ("told", "fatal", 1)
    assert line["timestamp"].endswith("Z")
