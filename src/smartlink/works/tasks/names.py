"""The names by which producer and worker mean the same task."""

from typing import Final

INGEST: Final = "ingest"
PREVIEW: Final = "preview"
QUEUES: Final = (INGEST, PREVIEW)
