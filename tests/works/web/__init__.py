"""Tests of smartlink.works.web."""
