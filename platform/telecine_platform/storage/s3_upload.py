"""One upload: conditional, each request with its SHA-256, aborted whole if anything fails.

boto3 stays out: the client and the translation of its errors come in.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from telecine_platform.errors import BlobExists, SettingsError, TelecineError
from telecine_platform.storage.transfer import check_digest

PART_BYTES = 8 * 1024 * 1024
"""Larger clips go up in parts of this size (S3's minimum is 5 MiB); 10,000 parts make 78 GiB."""
_ONCE = {"IfNoneMatch": "*"}
"""Makes a write conditional: the key must be free."""

Translated = Callable[[str], AbstractContextManager[None]]
"""`with translated("store x"):` turns boto3's errors into Telecine's."""


# Any: boto3 makes its client classes at run time and ships no types; parameters are S3's names.
def upload_once(
    client: Any, translated: Translated, attributes: Mapping[str, Any], source: Path, sha256: str
) -> None:
    """Store the file under a free key, in one request or in parts.

    Raises `BlobExists` if the key is taken, `StorageUnavailable` if the file no longer has the
    digest. An `OSError` of the source goes through.
    """
    with translated(f"store {attributes['Key']!r}"):
        if source.stat().st_size > PART_BYTES:
            _put_parts(client, translated, attributes, source, sha256)
            return
        content = source.read_bytes()
        check_digest(str(source), expected=sha256, actual=hashlib.sha256(content).hexdigest())
        client.put_object(**attributes, **_ONCE, **_body(content))


def check_service(client: Any, translated: Translated, target: Mapping[str, Any]) -> None:
    """Write a probe twice: the second must be refused, and the checksum confirmed.

    Some S3-compatible services ignore `If-None-Match` or checksums without a word, and would let a
    late worker overwrite a clip. Raises `SettingsError` for those.
    """
    ignored = "conditional writes (If-None-Match: *)"
    with translated("prove the storage"):
        answer = client.put_object(**target, **_ONCE, **_body(b"telecine"))
        try:
            with translated("prove the storage"):
                client.put_object(**target, **_ONCE, **_body(b"telecine"))
        except BlobExists:
            ignored = "" if answer.get("ChecksumSHA256") else "SHA-256 checksums"
        finally:
            client.delete_object(**target)
    if ignored:
        raise SettingsError(
            f"bucket {target['Bucket']!r} lies in a service that ignores {ignored}, which keep a "
            "stored clip from being changed: use a service that has them"
        )


def _put_parts(
    client: Any, translated: Translated, attributes: Mapping[str, Any], source: Path, sha256: str
) -> None:
    answer = client.create_multipart_upload(**attributes, ChecksumAlgorithm="SHA256")
    upload = {name: attributes[name] for name in ("Bucket", "Key")} | {
        "UploadId": answer["UploadId"]
    }
    digest = hashlib.sha256()
    parts: list[dict[str, Any]] = []
    try:
        with source.open("rb") as file:
            while content := file.read(PART_BYTES):
                digest.update(content)
                parts.append(_put_part(client, upload, len(parts) + 1, content))
        check_digest(str(source), expected=sha256, actual=digest.hexdigest())
        client.complete_multipart_upload(**upload, **_ONCE, MultipartUpload={"Parts": parts})
    except BaseException as cause:
        _abort(client, translated, upload, cause)
        raise


def _put_part(
    client: Any, upload: Mapping[str, Any], number: int, content: bytes
) -> dict[str, Any]:
    body = _body(content)
    answer = client.upload_part(**upload, **body, PartNumber=number)
    return {
        "PartNumber": number,
        "ETag": answer["ETag"],
        "ChecksumSHA256": body["ChecksumSHA256"],
    }


def _abort(
    client: Any, translated: Translated, upload: Mapping[str, Any], cause: BaseException
) -> None:
    try:
        with translated("abort the upload"):
            client.abort_multipart_upload(**upload)
    except TelecineError:
        cause.add_note(f"parts of {upload['Key']!r} may stay until the bucket's lifecycle rule")


def _body(content: bytes) -> dict[str, Any]:
    checksum = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return {"Body": content, "ChecksumAlgorithm": "SHA256", "ChecksumSHA256": checksum}
