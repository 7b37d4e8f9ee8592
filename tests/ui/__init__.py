"""Tests of smartlink.ui."""
