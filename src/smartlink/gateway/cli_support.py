"""The command `smartlink support-bundle`: everything that support asks for first, in one file.

Imports stand inside the command, so that `smartlink --help` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from smartlink.gateway.terminal import DataOption, JsonOption, answer, deployment_of, fail, logged, now

if TYPE_CHECKING:
    from smartlink.gateway.settings import Deployment

HELP: Final = "Make a file for support."
EXAMPLE: Final = "Example: smartlink support-bundle smartlink-support.zip --days 3"
_CALLERS: Final = 200


def support_bundle(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The zip to make; it must not be there yet.")],
    days: Annotated[int, typer.Option(min=1, max=3650, help="Logs of so many days, today included.")] = 7,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put versions, settings, status, diagnostics and logs into one zip: without secrets, without patient data.

    Nothing is sent anywhere. It can be made while the service runs or not, with a damaged catalogue, and without a
    licence.
    """
    from smartlink.gateway import support_bundle as bundle

    deployment = deployment_of(data)
    if not deployment.data.is_dir():
        fail(f"There is no data folder {deployment.data}. Name the right one with --data.", as_json=as_json)
    parts = {"versions": bundle.versions(), "installation": bundle.without_secrets(deployment), **_asked(deployment)}
    try:
        told = bundle.make(file, parts, deployment.logs, days=days, now=now())
    except FileExistsError:
        fail(f"There is a file {file} already. Name a new one.", as_json=as_json)
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}.", as_json=as_json)
    answer({"file": str(file), "holds": told}, f"{len(told)} files are in {file}. Send it to support.", as_json=as_json)


def _asked(deployment: Deployment) -> dict[str, Any]:
    """What the catalogue and the checks say; a catalogue that cannot be opened is told in their place."""
    from smartlink.gateway import diagnostics, toolbox
    from smartlink.gateway.cli_diagnose import told
    from smartlink.gateway.errors import StoreFailed
    from smartlink.gateway.settings import administrator_settings
    from smartlink.gateway.status import connections_of, refusals_of, status_of
    from smartlink.gateway.store import settings as stored
    from smartlink.gateway.store.database import open_in

    found: dict[str, Any] = {}
    try:
        with logged(deployment), open_in(deployment.data) as database:
            found["settings"] = administrator_settings(database.read(stored.all_values)).model_dump(mode="json")
            found["status"] = status_of(database, deployment.data, now())
            found["connections"] = connections_of(database)
            found["refusals"] = refusals_of(database, _CALLERS)
            with toolbox.diagnosis(deployment, database, now) as checks:
                found["diagnose"] = [told(one) for one in diagnostics.run(checks)]
    except (StoreFailed, OSError) as error:
        found["problem"] = {"catalogue": str(error)}
    return found
