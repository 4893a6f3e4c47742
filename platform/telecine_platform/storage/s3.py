"""Blobs in a bucket, through boto3: the only module that imports it.

Invariant: an object is created once, by a conditional write, with its SHA-256 checked by the
service (each request) and kept as metadata (the whole). boto3 reads the `AWS_*` variables itself.
Operators set a lifecycle rule `AbortIncompleteMultipartUpload`: a killed process cannot abort."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from telecine_platform.errors import (
    BlobExists,
    InvalidRequest,
    NotFound,
    SettingsError,
    StorageUnavailable,
)
from telecine_platform.storage.keys import check_range, check_url_request, checked_key
from telecine_platform.storage.s3_errors import error_from_answer
from telecine_platform.storage.s3_upload import check_service, upload_once
from telecine_platform.storage.store import BlobInfo, quarantine_key
from telecine_platform.storage.transfer import (
    CHUNK_BYTES,
    save_verified,
    sha256_from_file,
    started,
    translated_os_errors,
)

_DELETE_BATCH = 1000
"""S3's limit of keys in one DeleteObjects."""


class S3Store:
    """A `BlobStore` below `prefix` in a bucket. `endpoint_url` None is AWS. Safe in threads."""

    def __init__(self, bucket: str, prefix: str, endpoint_url: str | None) -> None:
        self._bucket = bucket
        self._root = f"{prefix.strip('/')}/".lstrip("/")
        self._place = f"bucket {bucket!r} at {endpoint_url or 'AWS'}"
        self._is_proven = False
        with self._translated("set up the S3 client"):
            try:
                # Any: boto3 makes its client classes at run time and ships no types.
                self._client: Any = boto3.session.Session().client(
                    "s3", endpoint_url=endpoint_url, config=_config(endpoint_url)
                )
            except ValueError as error:
                raise SettingsError(f"TELECINE_S3_ENDPOINT_URL is no URL: {error}") from error

    def create(self, key: str, source: Path, content_type: str) -> BlobInfo:
        target = self._target(key)
        self._prove_service()
        with translated_os_errors(f"read {source}"):
            sha256, size = sha256_from_file(source), source.stat().st_size
        metadata = {"sha256": sha256, "write-id": uuid.uuid4().hex}
        attributes = target | {"ContentType": content_type, "Metadata": metadata}
        try:
            with translated_os_errors(f"read {source}"):
                upload_once(self._client, self._translated, attributes, source, sha256)
        except BlobExists as error:
            self._settle(key, metadata["write-id"], error)
        return BlobInfo(key=key, size_bytes=size, content_type=content_type, sha256=sha256)

    def info(self, key: str) -> BlobInfo:
        head = self._head(key)
        sha256 = head["Metadata"].get("sha256")
        if sha256 is None:
            raise StorageUnavailable(f"{key!r} in {self._place} has no hash: not Telecine's blob")
        size, content_type = head["ContentLength"], head["ContentType"]
        return BlobInfo(key=key, size_bytes=size, content_type=content_type, sha256=sha256)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        check_range(start, end)
        if start == end:
            self._head(key)
            return iter(())
        return started(self._stream(key, f"bytes={start}-{'' if end is None else end - 1}"))

    def download(self, key: str, target: Path) -> None:
        save_verified(self.read(key), target, self.info(key).sha256)

    def keys(self, prefix: str) -> list[str]:
        return self._listed(f"{checked_key(prefix)}/")

    def delete(self, prefix: str) -> int:
        below = f"{checked_key(prefix)}/"
        keys = [key for key in self._listed(prefix) if key == prefix or key.startswith(below)]
        for first in range(0, len(keys), _DELETE_BATCH):
            objects = [{"Key": self._root + key} for key in keys[first : first + _DELETE_BATCH]]
            with self._translated(f"delete {prefix!r}"):
                answer = self._client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True}
                )
            if refused := answer.get("Errors"):
                raise StorageUnavailable(
                    f"{self._place} kept {len(refused)} of {len(objects)} blobs below {prefix!r}: "
                    f"{refused[0].get('Code')}; check the permission s3:DeleteObject"
                )
        return len(keys)

    def signed_url(self, key: str, expires_s: int, filename: str) -> str | None:
        check_url_request(key, expires_s, filename)
        parameters = self._target(key) | {
            "ResponseContentDisposition": f'attachment; filename="{filename}"',
            "ResponseContentType": self.info(key).content_type,
        }
        with self._translated(f"sign a URL for {key!r}"):
            return str(
                self._client.generate_presigned_url("get_object", parameters, ExpiresIn=expires_s)
            )

    def check(self) -> None:
        try:
            with self._translated("reach the storage"):
                self._client.head_bucket(Bucket=self._bucket)
        except NotFound as error:
            raise StorageUnavailable(f"{self._place} does not exist: create it") from error

    def _settle(self, key: str, write_id: str, error: BlobExists) -> None:
        """Whose object is there? boto3 repeats a write whose answer got lost, and finds its own."""
        try:
            metadata = self._head(key)["Metadata"]
        except NotFound:
            raise StorageUnavailable(f"{error}; but nothing is there yet: try again") from error
        if metadata.get("write-id") != write_id:
            raise error

    def _prove_service(self) -> None:
        """Before this process's first create: does the service keep its promises?"""
        if not self._is_proven:
            probe = self._target(quarantine_key("probe", 0, uuid.uuid4().hex))
            check_service(self._client, self._translated, probe)
            self._is_proven = True

    def _head(self, key: str) -> dict[str, Any]:
        with self._translated(f"find {key!r}"):
            return dict(self._client.head_object(**self._target(key)))

    def _stream(self, key: str, byte_range: str) -> Iterator[bytes]:
        whole = byte_range == "bytes=0-"  # an empty blob has no byte 0, but can be read
        wanted = self._target(key) | ({} if whole else {"Range": byte_range})
        try:
            with (
                self._translated(f"read {key!r}"),
                closing(self._client.get_object(**wanted)["Body"]) as body,
            ):
                yield from body.iter_chunks(CHUNK_BYTES)
        except InvalidRequest:
            return  # the range starts after the end: no bytes, as in a local folder

    def _listed(self, prefix: str) -> list[str]:
        with self._translated(f"list {prefix!r}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._root + prefix
            )
            return sorted(
                item["Key"].removeprefix(self._root)
                for page in pages
                for item in page.get("Contents", ())
            )

    def _target(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._root + checked_key(key)}

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
            code = error.response["Error"].get("Code", "")
            raise error_from_answer(doing, self._place, status, code) from error
        except BotoCoreError as error:
            # Only the class is told: botocore's own words may hold a whole request URL.
            raise StorageUnavailable(
                f"cannot {doing}: {self._place} does not answer or has no usable credentials "
                f"({type(error).__name__}); check the endpoint, the network and the AWS_ variables"
            ) from error


def _config(endpoint_url: str | None) -> Config:
    return Config(
        signature_version="s3v4",
        connect_timeout=3,
        read_timeout=20,
        retries={"mode": "adaptive", "total_max_attempts": 3},
        s3={"addressing_style": "path" if endpoint_url else "auto"},  # few others have host names
        # Telecine sends SHA-256 itself; older services do not know the CRCs that boto3 adds.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
