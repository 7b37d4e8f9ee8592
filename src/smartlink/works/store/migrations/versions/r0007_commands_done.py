"""Commands that were acknowledged long ago are found, to be forgotten."""

from smartlink.works.store.schema import run_file

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Run the frozen SQL."""
    run_file("0007_commands_done.sql")
