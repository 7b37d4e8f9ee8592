"""The stand-in PACS: it keeps what it is sent, byte for byte, and says what it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made when it is asked for

from smartlink.demo.exam import data_set_bytes
from smartlink.demo.programs import LOOPBACK, ProgramFailed
from smartlink.standard.sop_class import ULTRASOUND_IMAGE, ULTRASOUND_MULTIFRAME_IMAGE

if TYPE_CHECKING:
    from pathlib import Path

    from pynetdicom.ae import ThreadedAssociationServer
    from pynetdicom.events import Event

NAME = "Stand-in PACS"
AE_TITLE = "ARCHIVE"
SUCCESS, CANNOT_UNDERSTAND = 0x0000, 0xC000


@dataclass(slots=True)
class Archive:
    """A Storage SCP for ultrasound (PS3.4 Annex B) at a port of the loopback; its files lie in `folder`."""

    folder: Path
    port: int = 0
    _server: ThreadedAssociationServer | None = field(default=None, repr=False)

    def start(self) -> None:
        """Listen; a port of 0 becomes the one that was free."""
        self.folder.mkdir(parents=True, exist_ok=True)
        entity = AE(ae_title=AE_TITLE)
        entity.require_called_aet = True
        entity.add_supported_context(Verification)
        for sop_class_uid in (ULTRASOUND_IMAGE, ULTRASOUND_MULTIFRAME_IMAGE):
            entity.add_supported_context(sop_class_uid, AllTransferSyntaxes)
        server = entity.start_server((LOOPBACK, self.port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._keep)])
        if server is None:
            raise ProgramFailed("The stand-in PACS does not listen.")
        self.port = int(server.server_address[1])
        self._server = server

    def stop(self) -> None:
        """Nobody listens any more; what is kept stays."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()

    def held(self) -> dict[str, bytes]:
        """The Data Set of each SOP Instance UID, as its bytes came."""
        return {path.stem: data_set_bytes(path.read_bytes()) for path in sorted(self.folder.glob("*.dcm"))}

    def _keep(self, event: Event) -> int:
        """Success means that the file is complete under its name."""
        request = event.request
        if not isinstance(request, C_STORE):
            return CANNOT_UNDERSTAND
        unfinished = self.folder / f"{request.AffectedSOPInstanceUID}.part"
        unfinished.write_bytes(event.encoded_dataset())
        unfinished.replace(unfinished.with_suffix(".dcm"))
        return SUCCESS
