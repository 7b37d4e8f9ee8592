"""A cloud and gateways for the tests here."""

from tests.real.clouds import cloud, cloud_settings, door, gateway, own_cloud, uid, unlicensed

__all__ = ["cloud", "cloud_settings", "door", "gateway", "own_cloud", "uid", "unlicensed"]
