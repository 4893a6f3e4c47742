"""Puts reference media aside for a replica to look at: nothing is decoded in the API's process."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path

from telecine_platform.api.context import ApiContext
from telecine_platform.errors import InvalidRequest
from telecine_platform.takedowns.media import media_folder
from telecine_platform.takedowns.records import Claim


def keep_reference(context: ApiContext, claim_id: str, tenant_id: str, content: bytes) -> Claim:
    """Store the file and note it on the claim. Raises `InvalidRequest` for an empty one."""
    if not content:
        raise InvalidRequest("the file is empty: send a video or a picture as the body")
    context.claims.get(claim_id, tenant_id)
    key = f"{media_folder(claim_id)}/{secrets.token_hex(8)}"
    with tempfile.TemporaryDirectory(prefix="telecine-reference-") as folder:
        file = Path(folder) / "reference"
        file.write_bytes(content)
        context.blobs.create(key, file, "application/octet-stream")
    return context.claims.set_reference(claim_id, tenant_id, key)
