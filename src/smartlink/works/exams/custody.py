"""What both ways of uploading say of an object that Works takes into custody."""

from smartlink.works.access import Site
from smartlink.works.store import uploads
from smartlink.works.store.uploads import Upload


def conflict(site: Site, upload: Upload) -> bool:
    """Whether Works holds other bytes under the same SOP Instance UID, and not these."""
    others = [one for one in uploads.kept(site, upload.sop_instance_uid) if one.upload_id != upload.id]
    return bool(others) and all(one.dataset_sha256 != upload.dataset_sha256 for one in others)
