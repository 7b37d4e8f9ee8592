"""The tables and functions of procrastinate, as its version 3.10 wants them."""

from smartlink.works.store.schema import run, run_file

revision = "0002"
down_revision = "0001"

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON procrastinate_workers, procrastinate_jobs, procrastinate_periodic_defers,
    procrastinate_events TO works_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO works_app;
"""


def upgrade() -> None:
    """Run the frozen SQL, then let the application use it."""
    run_file("0002_tasks.sql")
    run(GRANTS)
