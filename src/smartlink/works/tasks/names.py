"""The names by which producer and worker mean the same task."""

from typing import Final

INGEST: Final = "ingest"
PREVIEW: Final = "preview"
DERIVE: Final = "derive"
VERIFY: Final = "verify"
ABANDON: Final = "abandon"
COMPARE: Final = "compare"
DIGEST: Final = "digest"
MAIL: Final = "mail"
DIGESTS_DUE: Final = "digests_due"
COMMANDS_DONE: Final = "commands_done"
ALARMS: Final = "alarms"
TEST_EXAMS: Final = "test_exams"
REMOVALS_DUE: Final = "removals_due"
WORKLISTS_EXPIRED: Final = "worklists_expired"
QUEUES: Final = (
    INGEST,
    PREVIEW,
    DERIVE,
    VERIFY,
    ABANDON,
    COMPARE,
    DIGEST,
    MAIL,
    DIGESTS_DUE,
    COMMANDS_DONE,
    ALARMS,
    TEST_EXAMS,
    REMOVALS_DUE,
    WORKLISTS_EXPIRED,
)
