"""Faults: the gateway killed, files cut short, half a PDU; what was answered Success is never lost."""
