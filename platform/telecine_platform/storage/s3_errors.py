"""What an S3 answer means in Telecine's error tree: one table, without boto3.

Messages name the bucket and the endpoint, never a secret or a URL that somebody could open.
"""

from __future__ import annotations

from telecine_platform.errors import (
    BlobExists,
    InvalidRequest,
    NotFound,
    SettingsError,
    StorageUnavailable,
    TelecineError,
)


def error_from_answer(doing: str, place: str, status: int, code: str) -> TelecineError:
    """Choose the error for an HTTP status and S3 error code.

    `doing` is "store 'results/…'", `place` is "bucket x at https://…".
    """
    said = f"cannot {doing}: {place} answered {status} {code}"
    match status, code:
        case _, "NoSuchBucket":
            return StorageUnavailable(f"{said}; create the bucket or correct TELECINE_STORAGE_URL")
        case (409 | 412, _) | (_, "NoSuchUpload"):
            # Who got there first is found out by the store: it may have been this very write.
            return BlobExists(f"{said}; a stored blob stays as it is")
        case 404, _:
            return NotFound(f"{said}; there is no such blob")
        case 416, _:
            return InvalidRequest(f"{said}; the byte range starts after the end")
        case (501, _) | (_, "NotImplemented" | "XNotImplemented"):
            return SettingsError(
                f"{said}; Telecine needs conditional writes (If-None-Match: *) and SHA-256 "
                "checksums, also on multipart uploads: use a service that has them"
            )
        case 401 | 403, _:
            return StorageUnavailable(
                f"{said}; the credentials are wrong or lack a permission: check AWS_ACCESS_KEY_ID, "
                "AWS_SECRET_ACCESS_KEY, the clock and the bucket policy"
            )
        case _, "BadDigest" | "XAmzContentSHA256Mismatch" | "InvalidDigest":
            return StorageUnavailable(f"{said}; the content was damaged on the way, try again")
        case 429 | 500 | 502 | 503 | 504, _:
            return StorageUnavailable(f"{said}; the service is busy or failing, try again later")
        case _:
            return StorageUnavailable(f"{said}; Telecine does not know this answer")
