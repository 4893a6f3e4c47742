"""Checks AWS signature version 4 of a received request, in the header or in a presigned URL.

The signature is recomputed by botocore's signer from the bytes that arrived; nothing is shared
with the client but the secret. Rules: docs.aws.amazon.com, "Authenticating Requests (AWS Signature
Version 4)".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

MAX_SKEW_S = 15 * 60
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
)


class Refusal(Exception):
    """Answered with this HTTP status and S3 error code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


def check_signature(
    environ: Mapping[str, Any], body: bytes, *, secrets: Mapping[str, str], now: datetime
) -> None:
    """Raise `Refusal` unless the request is signed with one of `secrets` (access key -> secret)."""
    url = f"http://{environ['HTTP_HOST']}{environ['RAW_URI']}"
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    if "X-Amz-Signature" in query:
        stripped = re.sub(r"[?&]X-Amz-Signature=[0-9a-f]*", "", url)
        if not 1 <= int(query["X-Amz-Expires"]) <= 7 * 24 * 3600:
            raise Refusal(400, "AuthorizationQueryParametersError")
        signed_at = _time(query["X-Amz-Date"])
        lifetime = timedelta(seconds=int(query["X-Amz-Expires"]))
        if not signed_at - timedelta(seconds=MAX_SKEW_S) <= now <= signed_at + lifetime:
            raise Refusal(403, "AccessDenied")
        signed, signature = query["X-Amz-SignedHeaders"], query["X-Amz-Signature"]
        credential, timestamp, signer = query["X-Amz-Credential"], query["X-Amz-Date"], "query"
    elif match := _AUTHORIZATION.fullmatch(environ.get("HTTP_AUTHORIZATION", "")):
        credential, signed, signature = match.groups()
        stripped, timestamp, signer = url, environ["HTTP_X_AMZ_DATE"], "header"
        if abs(now - _time(timestamp)) > timedelta(seconds=MAX_SKEW_S):
            raise Refusal(403, "RequestTimeTooSkewed")
        claimed = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "")
        is_hash = len(claimed) == 64
        if is_hash and claimed != hashlib.sha256(body).hexdigest():
            raise Refusal(400, "XAmzContentSHA256Mismatch")
    else:
        raise Refusal(403, "AccessDenied")
    access_key, _, region, _, _ = credential.split("/")
    if access_key not in secrets:
        raise Refusal(403, "InvalidAccessKeyId")
    signer_class = S3SigV4QueryAuth if signer == "query" else S3SigV4Auth
    expected = _signature(
        signer_class(Credentials(access_key, secrets[access_key]), "s3", region),
        AWSRequest(
            method=environ["REQUEST_METHOD"],
            url=stripped,
            headers={name: _header(environ, name) for name in signed.split(";")},
        ),
        timestamp,
    )
    if not hmac.compare_digest(expected, signature):
        raise Refusal(403, "SignatureDoesNotMatch")


def _signature(signer: Any, request: Any, timestamp: str) -> str:
    request.context["timestamp"] = timestamp
    canonical = signer.canonical_request(request)
    signature: str = signer.signature(signer.string_to_sign(request, canonical), request)
    return signature


def _header(environ: Mapping[str, Any], name: str) -> str:
    variable = name.upper().replace("-", "_")
    if variable in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        return str(environ.get(variable, ""))
    return str(environ.get(f"HTTP_{variable}", ""))


def _time(timestamp: str) -> datetime:
    return datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
