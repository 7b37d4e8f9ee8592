"""Programs as processes: started, asked, ended by id; never a stranger that was given the same id."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from smartlink.demo import programs
from smartlink.demo.programs import Known, Program, ProgramFailed, TooLate

if TYPE_CHECKING:
    from collections.abc import Iterator

SPEAKER = """#!{python}
import json, os, sys, time
if sys.argv[1] == "run":
    print("up", os.environ.get("WORKS_HOST"), flush=True)
    time.sleep(60)
elif sys.argv[1] == "say":
    print(json.dumps({{"arguments": sys.argv[2:], "host": os.environ.get("WORKS_HOST")}}))
elif sys.argv[1] == "chat":
    print("no JSON")
else:
    print("a plain sentence", file=sys.stderr)
    sys.exit(1)
"""


LISTENER = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def speaker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """A stand-in program that speaks as ours do."""
    script = tmp_path / "speaker"
    script.write_text(SPEAKER.format(python=sys.executable), encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setattr(programs, "scripts_folder", lambda: tmp_path)
    monkeypatch.setenv("WORKS_HOST", "of somebody else")
    program = Program("speaker", {"WORKS_HOST": "127.0.0.1"}, tmp_path / "speaker.log")
    yield program
    program.kill()


def test_a_command_is_asked_for_json_and_gets_only_the_settings_given(speaker: Program) -> None:
    assert speaker.ask("say", "something") == {"arguments": ["something", "--json"], "host": "127.0.0.1"}


def test_a_command_that_fails_or_says_no_json_is_told_with_its_words(speaker: Program) -> None:
    with pytest.raises(ProgramFailed, match="exit code 1") as failed:
        speaker.ask("fail")
    assert failed.value.log == "a plain sentence"
    with pytest.raises(ProgramFailed, match="did not print JSON"):
        speaker.ask("chat")


def test_a_program_runs_until_it_is_stopped(speaker: Program) -> None:
    told: list[int] = []
    speaker.told = told.append
    speaker.start("run")
    assert told == [speaker.pid]
    programs.wait_for(lambda: "up 127.0.0.1" in speaker.tail(), 20, "the program speaks")
    speaker.must_run()
    speaker.stop()
    with pytest.raises(ProgramFailed, match="ended by itself") as ended:
        speaker.must_run()
    assert "up" in ended.value.log


def test_what_was_written_down_is_ended_and_nobody_else(speaker: Program, tmp_path: Path) -> None:
    speaker.start("run")
    record = tmp_path / "record" / "programs.json"
    stranger = Known("speaker", speaker.pid, psutil.Process(speaker.pid).create_time() - 1000)
    programs.write_known(record, [stranger])
    for known in programs.read_known(record):
        known.end(5)
    assert speaker.runs(), "another process with the same id is left alone"
    programs.write_known(record, [speaker.known])
    for known in programs.read_known(record):
        known.end(5)
    programs.wait_for(lambda: not speaker.runs(), 5, "the recorded process has ended")


def test_a_record_that_cannot_be_read_names_nobody(tmp_path: Path) -> None:
    assert programs.read_known(tmp_path / "none.json") == []
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    assert programs.read_known(tmp_path / "broken.json") == []


def test_waiting_ends_with_the_fact_or_with_its_name() -> None:
    assert programs.wait_for(lambda: 7, 1, "seven") == 7
    with pytest.raises(TooLate, match="a miracle"):
        programs.wait_for(lambda: None, 0.01, "a miracle")


def test_a_free_port_is_the_preferred_one_unless_it_is_taken() -> None:
    port = programs.free_port()
    assert programs.free_port(port) == port
    with subprocess.Popen([sys.executable, "-c", LISTENER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        taken = int(other.stdout.readline())
        assert programs.free_port(taken) != taken
        assert other.stdin is not None
        other.stdin.close()


def test_a_program_is_known_by_the_port_at_which_it_listens(tmp_path: Path) -> None:
    port = programs.free_port()
    listens = f"import socket; s = socket.create_server(('127.0.0.1', {port})); s.accept()"
    program = Program(Path(sys.executable).name, {}, tmp_path / "log")
    program.start("-c", listens)
    try:
        programs.wait_for(lambda: program.listens_at(port), 20, "it listens")
        assert not program.listens_at(port + 1)
    finally:
        program.kill()
    assert not program.listens_at(port)
