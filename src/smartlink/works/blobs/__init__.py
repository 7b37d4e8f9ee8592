"""Objects: bytes under a name, written once. The only importer of boto3.

`store` says in a Protocol what the rest of Works needs; `s3` does it on any S3 that verifies checksums.
"""
