"""Worklists in Works."""
