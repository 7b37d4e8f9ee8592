from __future__ import annotations

import pytest

from smartlink.gateway.calling import AssociationFailed, Layer
from tests.gateway.dicom.pacs import FILES, archive, items, scripted, told


def test_a_peer_that_hangs_up_is_told() -> None:
    with scripted(lambda caller: caller.close()) as port, pytest.raises(AssociationFailed) as failed:
        told(archive(port, "SILENT"), items(FILES[0]))
    assert failed.value.layer is Layer.ABORTED
