"""The C2PA manifest of a released clip: written and read through c2pa-python.

It says that a trained model made the clip, which one, under which registry and licences, and which
mark is in the picture (a soft binding: the manifest is lost in a remux, the mark is not). It says
nothing of the prompt and nothing of the tenant.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import c2pa

from telecine_safeguards.errors import ProvenanceError
from telecine_safeguards.provenance.signing import ClipSigner

MIME_TYPE: Final = "video/mp4"
MARK_ALGORITHM: Final = "telecine.mark.1"
GENERATION_LABEL: Final = "telecine.generation"
_TRAINED: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_UNTRUSTED: Final = "signingCredential.untrusted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What a manifest says of a clip."""

    job_id: str
    model: str
    telecine_version: str
    registry_version: str
    grants: tuple[str, ...]
    mark_id: int
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadManifest:
    """What was read from a file that has a manifest."""

    is_valid: bool
    """The signature holds and no byte was changed since."""
    is_trusted: bool
    """And the signer's chain ends in a root that is trusted here."""
    problems: tuple[str, ...]
    """C2PA's own codes, as `assertion.bmffHash.mismatch`."""
    signer: str
    job_id: str | None
    """Telecine's, if it is one of its manifests; a valid signature says whether to believe it."""
    mark_id: int | None
    document: dict[str, Any]
    """The whole store as JSON. Any: it is C2PA's."""


def sign_clip(source: Path, signed: Path, generation: Generation, signer: ClipSigner) -> None:
    """Write a copy of an MP4 with a signed manifest, and read it back.

    Raises `ProvenanceError` whenever the result is not a valid manifest of this clip.
    """
    signer.check_in_force(generation.made_at)
    try:
        with (
            c2pa.Signer.from_callback(
                signer.raw_signature, c2pa.C2paSigningAlg.ES256, signer.chain_pem
            ) as native,
            c2pa.Builder(_definition(generation)) as builder,
            source.open("rb") as opened,
            signed.open("w+b") as written,
        ):
            builder.sign(native, MIME_TYPE, opened, written)
    except Exception as error:  # c2pa's, the key service's, the disk's: no manifest, no release
        raise ProvenanceError(f"the clip's manifest could not be signed: {error}") from error
    found = read_manifest(signed)
    if found is None or not found.is_valid or found.job_id != generation.job_id:
        problems = "no manifest" if found is None else ", ".join(found.problems)
        raise ProvenanceError(f"the signed clip does not read back: {problems}")


def read_manifest(file: Path, trusted_roots_pem: bytes | None = None) -> ReadManifest | None:
    """Read and check a file's manifest; None where it has none.

    Raises `ProvenanceError` for a file that is no MP4 or whose manifest cannot be parsed.
    """
    settings: dict[str, Any] = {"verify": {"verify_trust": trusted_roots_pem is not None}}
    if trusted_roots_pem is not None:
        settings["trust"] = {"trust_anchors": trusted_roots_pem.decode("ascii")}
    try:
        context = c2pa.Context.from_dict(settings)
        with file.open("rb") as opened, c2pa.Reader(MIME_TYPE, opened, context=context) as reader:
            document = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        raise ProvenanceError(f"the manifest of {file.name} cannot be read: {error}") from error
    return _from_document(document, is_trust_checked=trusted_roots_pem is not None)


def _definition(generation: Generation) -> dict[str, Any]:
    agent = {"name": "Telecine", "version": generation.telecine_version}
    actions = [
        {
            "action": "c2pa.created",
            "when": generation.made_at.isoformat(timespec="seconds"),
            "digitalSourceType": _TRAINED,
            "softwareAgent": {"name": generation.model},
        },
        {"action": "c2pa.watermarked"},
    ]
    binding = {
        "alg": MARK_ALGORITHM,
        "blocks": [{"scope": {}, "value": mark_text(generation.mark_id)}],
    }
    details = {
        "job_id": generation.job_id,
        "model": generation.model,
        "registry_version": generation.registry_version,
        "licences": list(generation.grants),
        "mark": mark_text(generation.mark_id),
    }
    return {
        "claim_generator_info": [agent],
        "title": f"{generation.job_id}.mp4",
        "format": MIME_TYPE,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": "c2pa.soft-binding", "data": binding},
            {"label": GENERATION_LABEL, "data": details},
        ],
    }


def mark_text(mark_id: int) -> str:
    """A mark's id as people and manifests write it: ten hexadecimal digits."""
    return f"{mark_id:010x}"


def _from_document(document: dict[str, Any], *, is_trust_checked: bool) -> ReadManifest:
    manifest = document.get("manifests", {}).get(document.get("active_manifest", ""), {})
    codes = tuple(str(status.get("code")) for status in document.get("validation_status") or ())
    problems = tuple(code for code in codes if code != _UNTRUSTED)
    details: dict[str, Any] = next(
        (
            each.get("data", {})
            for each in manifest.get("assertions", ())
            if str(each.get("label", "")).startswith(GENERATION_LABEL)
        ),
        {},
    )
    return ReadManifest(
        is_valid=not problems and bool(manifest),
        is_trusted=is_trust_checked and not codes and bool(manifest),
        problems=codes,
        signer=str((manifest.get("signature_info") or {}).get("issuer") or ""),
        job_id=_text(details.get("job_id")),
        mark_id=_mark_id(details.get("mark")),
        document=document,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _mark_id(value: object) -> int | None:
    try:
        return int(value, 16) if isinstance(value, str) else None
    except ValueError:
        return None
