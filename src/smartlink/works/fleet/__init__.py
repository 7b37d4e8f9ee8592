"""The fleet: licence keys, gateways, their credentials and their connections."""
