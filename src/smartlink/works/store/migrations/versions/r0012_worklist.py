"""The worklists as gateways last read them."""

from smartlink.works.store.schema import run_file

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Run the frozen SQL."""
    run_file("0012_worklist.sql")
