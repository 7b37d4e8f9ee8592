"""Worklists: taken from gateways, merged per facility, refreshed on request, picked for an exam (F7)."""
