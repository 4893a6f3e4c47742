"""Which error an S3 answer becomes."""

from __future__ import annotations

import pytest

from telecine_platform.errors import (
    BlobExists,
    InvalidRequest,
    NotFound,
    SettingsError,
    StorageUnavailable,
    TelecineError,
)
from telecine_platform.storage.s3_errors import error_from_answer


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "404", NotFound),
        (404, "NoSuchKey", NotFound),
        (404, "NoSuchBucket", StorageUnavailable),
        (404, "NoSuchUpload", BlobExists),
        (409, "ConditionalRequestConflict", BlobExists),
        (412, "PreconditionFailed", BlobExists),
        (416, "InvalidRange", InvalidRequest),
        (501, "NotImplemented", SettingsError),
        (400, "XNotImplemented", SettingsError),
        (401, "Unauthorized", StorageUnavailable),
        (403, "SignatureDoesNotMatch", StorageUnavailable),
        (400, "BadDigest", StorageUnavailable),
        (429, "TooManyRequests", StorageUnavailable),
        (500, "InternalError", StorageUnavailable),
        (503, "SlowDown", StorageUnavailable),
        (301, "PermanentRedirect", StorageUnavailable),
        (0, "", StorageUnavailable),
    ],
)
def test_each_answer_has_its_error(status: int, code: str, error: type[TelecineError]) -> None:
    translated = error_from_answer("store 'a'", "bucket 'b' at https://c", status, code)

    assert type(translated) is error
    assert str(translated).startswith(
        f"cannot store 'a': bucket 'b' at https://c answered {status} {code}"
    )
