"""What both ways of uploading say of an object that Works takes into custody."""

from collections.abc import Sequence

from smartlink.works.access import Site
from smartlink.works.store import uploads
from smartlink.works.store.uploads import Kept, Upload


def conflict(site: Site, upload: Upload) -> bool:
    """Whether Works holds another image under the same SOP Instance UID, and not this one.

    In another Transfer Syntax it may be the same image: that is for ingest to say, once both were compared.
    """
    others = [one for one in uploads.kept(site, upload.sop_instance_uid) if one.upload_id != upload.id]
    if any(one.dataset_sha256 == upload.dataset_sha256 for one in others):
        return False
    return certain(others, upload.transfer_syntax_uid)


def certain(others: Sequence[Kept], transfer_syntax_uid: str) -> bool:
    """Whether other bytes in this Transfer Syntax are another image, without looking at them."""
    return bool(others) and all(one.transfer_syntax_uid == transfer_syntax_uid for one in others)
