"""How this product names itself to its peers and in its files (PS3.7 section D.3.3.2, PS3.10 section 7.1)."""

from __future__ import annotations

from typing import Final

IMPLEMENTATION_CLASS_UID: Final = "2.25.92419088320977169676638685128933383742"
IMPLEMENTATION_VERSION_NAME: Final = "SMARTLINK_0_1"
