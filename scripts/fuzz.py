"""`make fuzz`: a coverage-guided fuzzer at everything that parses what a peer sends.

Each parser gets its share of the time in a process of its own. What an earlier run has learnt lies in `.fuzz` and is
gone on from. An input that breaks a promise is written to `tests/gateway/dicom/corpus`, where it is a test from then
on; then the run ends with 1.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
LEARNT = ROOT / ".fuzz"
LONGEST_INPUT = 4096
SECONDS_FOR_ONE = 20
MEGABYTES = 1024
TARGETS = ("conversation", "association", "associate", "command_set", "header", "commitment")


def main() -> int:
    """Fuzz every target, or be the process that fuzzes one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=120, help="How long, in all.")
    parser.add_argument("--target", choices=TARGETS, action="append", help="Only this one.")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    targets = asked.target or TARGETS
    if asked.here:
        fuzz(targets[0], asked.seconds)
    return sum(run(target, max(asked.seconds // len(targets), 1)) for target in targets) and 1


def run(target: str, seconds: int) -> int:
    """Fuzz one target for so long; return how many finds there were, at most one."""
    print(f"{target}: {seconds} s", flush=True)
    command = [sys.executable, "-m", "scripts.fuzz", "--here", "--target", target, "--seconds", str(seconds)]
    with tempfile.TemporaryDirectory() as folder:
        broken = Path(folder)
        ended = subprocess.run([*command], cwd=ROOT, check=False, env=environment(broken))
        found = sorted(broken.iterdir())
        for path in found:
            keep(target, path.read_bytes())
    if ended.returncode and not found:
        print(f"{target}: the fuzzer ended with {ended.returncode}", file=sys.stderr)
    return int(bool(ended.returncode or found))


def environment(broken: Path) -> dict[str, str]:
    """Where the process that fuzzes puts what breaks."""
    return {**os.environ, "FUZZ_BROKEN": str(broken), "PYTHONDONTWRITEBYTECODE": "1"}


def keep(target: str, data: bytes) -> None:
    """Write a find to where it is a test."""
    path = ROOT / "tests" / "gateway" / "dicom" / "corpus" / f"{target}.txt"
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="ascii") as file:
        file.write(data.hex() + "\n")
    print(f"{target}: broken by {len(data)} bytes, now the last line of {path.relative_to(ROOT)}", file=sys.stderr)


def fuzz(target: str, seconds: int) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris  # noqa: PLC0415  only in the group `fuzz`

    with atheris.instrument_imports(include=["smartlink.gateway.dicom"]):
        from tests.gateway.dicom import fuzzing  # noqa: PLC0415  instrumented while it is imported

    learnt = LEARNT / target
    learnt.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(fuzzing.seeds(target) + fuzzing.finds(target)):
        (learnt / f"seed-{number}").write_bytes(seed)
    atheris.Setup(
        [
            sys.argv[0],
            f"-max_total_time={seconds}",
            f"-max_len={LONGEST_INPUT}",
            f"-timeout={SECONDS_FOR_ONE}",
            f"-rss_limit_mb={MEGABYTES}",
            f"-artifact_prefix={os.environ['FUZZ_BROKEN']}/",
            "-print_final_stats=1",
            str(learnt),
        ],
        fuzzing.TARGETS[target],
    )
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
