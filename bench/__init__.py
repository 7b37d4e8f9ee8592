"""Reproducible measurements against the peers: `python -m bench`; docs/performance.md tells the method."""
