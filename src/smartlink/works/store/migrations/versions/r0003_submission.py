"""What a submitted exam needs: deliveries, commands, derived objects."""

from smartlink.works.store.schema import run_file

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the frozen SQL."""
    run_file("0003_submission.sql")
