"""The command `smartlink update-check`: whether there is a newer version, and what is new in it."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from smartlink.gateway.terminal import DataOption, JsonOption, answer, catalogue, fail, logged, now

HELP: Final = "Ask whether there is a newer version."
EXAMPLE: Final = "Example: smartlink update-check --language es"


def update_check(
    works: Annotated[
        str | None, typer.Option("--works", envvar="SMARTLINK_WORKS_URL", help="Address of Works.")
    ] = None,
    language: Annotated[str, typer.Option(help="Language of what is new: en or es.")] = "en",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask Works for the newest version and check its signature. Nothing is installed; no licence is needed."""
    from smartlink.gateway import build, updates
    from smartlink.gateway.errors import GiveUp, LicenceRevoked, TryAgain
    from smartlink.gateway.store import licences
    from smartlink.gateway.uplink.address import works_url
    from smartlink.link.releases import ReleaseRefused

    with catalogue(data, as_json=as_json) as (deployment, database), logged(deployment):
        known = database.read(licences.find)
        text = works or (None if known is None else known.works_url)
        if text is None:
            fail("Say where Works is: --works https://…, or SMARTLINK_WORKS_URL.", as_json=as_json)
        try:
            with build.works_client(deployment, database, now) as client:
                found = updates.check(client, works_url(text), deployment.data, build.VERSION)
        except ReleaseRefused as error:
            fail(f"Install nothing, and tell support: {error}", as_json=as_json, outcome="refused")
        except (TryAgain, GiveUp, LicenceRevoked) as error:
            fail(f"It could not be checked: {error}", as_json=as_json, outcome="unreachable")
        except ValueError as error:
            fail(str(error), as_json=as_json)
    release = found.release
    notes = "" if release is None else release.notes.get(language, release.notes.get("en", ""))
    told = {
        "state": found.state.value,
        "version": build.VERSION,
        "latest": None if release is None else release.version,
        "released_at": None if release is None else release.released_at,
        "notes": notes,
    }
    words = f"{found.sentence}\n{notes}" if notes and found.state is updates.UpdateState.AVAILABLE else found.sentence
    answer(told, words, as_json=as_json)
