"""Where log lines go: JSON on standard error, three levels, never patient data."""

import logging
import sys

import structlog

_LEVELS = {"critical": "fatal"}


def configure() -> None:
    """Set up logging for this process; other modules say `structlog.get_logger()` and know nothing of this."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries speak only when something is wrong; their access logs would hold addresses.
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format='{"level": "error", "event": "%(name)s"}')


def _level(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event["level"] = _LEVELS.get(event["level"], event["level"])
    return event
