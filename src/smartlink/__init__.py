"""SmartLink, the on-site DICOM gateway, and Works, its cloud counterpart."""
