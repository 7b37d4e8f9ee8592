"""The DICOM side of the gateway: a streaming data path of our own; the only importer of pynetdicom."""
