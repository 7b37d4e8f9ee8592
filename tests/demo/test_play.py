"""The play's own parts; the play itself is `make demo-once` and tests/real."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime

from smartlink.demo import play
from smartlink.demo.site import Site, cast

AT = datetime(2026, 11, 24, 9, 41, 12, tzinfo=UTC)


def test_nobody_of_the_demo_is_called_as_the_second_study_says() -> None:
    family, given = play.MISSPELT.performing_physician.split("^")
    administrator, physicians = cast()
    assert f"{given} {family}" not in {one.name for one in (administrator, *physicians)}


def test_the_way_is_asked_within_the_organisation() -> None:
    asked: list[tuple[str, ...]] = []

    class Operator:
        def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
            asked.append(arguments)
            return subprocess.CompletedProcess(arguments, 1, stdout="", stderr="")

    class Scene:
        works = Operator()

    administrator, physicians = cast()
    site = Site("organisation", "facility", "key", administrator, physicians)
    assert play.ask_journey(Scene(), site, "1.2.3").stops == ()  # type: ignore[arg-type]  # all that it needs
    assert asked == [("journey", "1.2.3", "--organisation", "organisation", "--json")]
