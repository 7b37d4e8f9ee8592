"""Objects in S3, by boto3.

What a pre-signed PUT binds: the name, `content-length`, `x-amz-checksum-sha256` and `if-none-match: *`. The store
itself refuses a second write (412), a tampered address (403), an expired one (403) and other bytes (400).
What a pre-signed part binds: the name, the upload, its number, `content-length` and `x-amz-checksum-sha256`.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from smartlink.works.blobs.store import (
    Blob,
    BlobMissing,
    BlobRefused,
    JoinedPart,
    SignedGet,
    SignedPut,
    StorageUnavailable,
    StoredPart,
    Stream,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

MISSING = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchUpload"})
REFUSED = frozenset({"BadDigest", "InvalidDigest", "EntityTooLarge", "XAmzContentSHA256Mismatch"})


class S3Blobs:
    """One bucket."""

    def __init__(
        self, *, endpoint: str | None, bucket: str, access_key: str, secret_key: str, region: str = "us-east-1"
    ) -> None:
        """`endpoint` None means Amazon's own; nothing is asked of the store yet."""
        self._bucket = bucket
        self._client: S3Client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            region_name=region,
            config=Config(
                signature_version="s3v4",
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": "path"},
                retries={"max_attempts": 3, "mode": "standard"},
                connect_timeout=5,
                read_timeout=60,
                max_pool_connections=32,
            ),
        )

    def make_bucket(self) -> None:
        """The bucket exists (embedded installations; elsewhere an administrator makes it)."""
        with _translated(self._bucket):
            names = [bucket["Name"] for bucket in self._client.list_buckets()["Buckets"] if "Name" in bucket]
            if self._bucket not in names:
                self._client.create_bucket(Bucket=self._bucket)

    def put(self, key: str, body: bytes | IO[bytes], *, content_type: str) -> None:
        """See Blobs."""
        with _translated(key):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=content_type)

    def presign_put(self, key: str, *, size: int, sha256: bytes, lifetime: timedelta, now: datetime) -> SignedPut:
        """See Blobs. `now` only dates the answer: the signature carries this machine's time."""
        checksum = base64.b64encode(sha256).decode("ascii")
        url = self._client.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "ContentLength": size,
                "ChecksumSHA256": checksum,
                "IfNoneMatch": "*",
            },
            ExpiresIn=int(lifetime.total_seconds()),
            HttpMethod="PUT",
        )
        headers = {"content-length": str(size), "x-amz-checksum-sha256": checksum, "if-none-match": "*"}
        return SignedPut(url=url, headers=headers, expires_at=now + lifetime)

    def presign_get(self, key: str, *, lifetime: timedelta, now: datetime) -> SignedGet:
        """See Blobs. `now` only dates the answer: the signature carries this machine's time."""
        url = self._client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._bucket, "Key": key},
            ExpiresIn=int(lifetime.total_seconds()),
            HttpMethod="GET",
        )
        return SignedGet(url=url, headers={}, expires_at=now + lifetime)

    def head(self, key: str) -> Blob | None:
        """See Blobs. A multipart object's digest is composite, which says nothing of its bytes: None then."""
        try:
            with _translated(key):
                known = self._client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        except BlobMissing:
            return None
        checksum = known.get("ChecksumSHA256", "-")
        whole = "-" not in checksum
        return Blob(size=known["ContentLength"], sha256=base64.b64decode(checksum) if whole else None)

    @contextmanager
    def open(self, key: str) -> Iterator[Stream]:
        """See Blobs."""
        with _translated(key):
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
        try:
            yield body
        finally:
            body.close()

    def delete(self, key: str) -> None:
        """See Blobs."""
        with _translated(key):
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def begin(self, key: str) -> str:
        """See Blobs."""
        with _translated(key):
            return self._client.create_multipart_upload(Bucket=self._bucket, Key=key, ChecksumAlgorithm="SHA256")[
                "UploadId"
            ]

    def presign_part(
        self, key: str, multipart_id: str, number: int, *, size: int, sha256: bytes, lifetime: timedelta, now: datetime
    ) -> SignedPut:
        """See Blobs."""
        checksum = base64.b64encode(sha256).decode("ascii")
        url = self._client.generate_presigned_url(
            "upload_part",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "UploadId": multipart_id,
                "PartNumber": number,
                "ContentLength": size,
                "ChecksumSHA256": checksum,
            },
            ExpiresIn=int(lifetime.total_seconds()),
            HttpMethod="PUT",
        )
        headers = {"content-length": str(size), "x-amz-checksum-sha256": checksum}
        return SignedPut(url=url, headers=headers, expires_at=now + lifetime)

    def parts(self, key: str, multipart_id: str) -> Mapping[int, StoredPart]:
        """See Blobs. A part that was put twice may be listed twice: the last one counts, as it does when joined."""
        found: dict[int, StoredPart] = {}
        with _translated(key):
            pages = self._client.get_paginator("list_parts")
            for page in pages.paginate(Bucket=self._bucket, Key=key, UploadId=multipart_id):
                for part in page.get("Parts", ()):
                    found[part["PartNumber"]] = StoredPart(size=part["Size"], mark=part["ETag"])
        return found

    def join(self, key: str, multipart_id: str, parts: Sequence[JoinedPart]) -> None:
        """See Blobs."""
        listed: list[CompletedPartTypeDef] = [
            {
                "PartNumber": part.number,
                "ETag": part.mark,
                "ChecksumSHA256": base64.b64encode(part.sha256).decode("ascii"),
            }
            for part in parts
        ]
        with _translated(key):
            self._client.complete_multipart_upload(
                Bucket=self._bucket, Key=key, UploadId=multipart_id, MultipartUpload={"Parts": listed}
            )

    def abandon(self, key: str) -> None:
        """See Blobs. All that were ever begun under exactly this name end."""
        with _translated(key):
            begun = self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=key)
            for one in begun.get("Uploads", ()):
                if one["Key"] == key:
                    self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=one["UploadId"])


@contextmanager
def _translated(key: str) -> Iterator[None]:
    """boto3's errors become ours: again, or never. Keys are digests and ids, so they may be named."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in MISSING:
            message = f"There is no object {key}."
            raise BlobMissing(message) from None
        if code in REFUSED:
            message = f"The object store does not take {key}: {code}."
            raise BlobRefused(message) from None
        message = f"The object store refused {key} just now: {code}."
        raise StorageUnavailable(message) from error
    except BotoCoreError as error:
        message = "The object store does not answer just now."
        raise StorageUnavailable(message) from error
