"""Comparison of instances in two Transfer Syntaxes."""

from smartlink.works.store.schema import run_file

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Run the frozen SQL."""
    run_file("0006_comparison.sql")
