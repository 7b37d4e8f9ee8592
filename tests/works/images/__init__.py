"""Tests of smartlink.works.images."""
