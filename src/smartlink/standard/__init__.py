"""The words of DICOM as values: no I/O, and nothing of ours is imported here."""
