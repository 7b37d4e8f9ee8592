"""Failures of gateways, their recipients and mails."""

from smartlink.works.store.schema import run_file

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run the frozen SQL."""
    run_file("0005_notices.sql")
