"""Telling people by mail: what fails at a facility, that it ended, and how the telling itself does (R110, R113)."""
