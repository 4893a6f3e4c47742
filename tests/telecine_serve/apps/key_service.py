"""A key service as `signing_service` names one: it signs, until it is away."""

from __future__ import annotations

from datetime import UTC, datetime

from telecine_safeguards.provenance.certificates import make_development_certificates
from telecine_safeguards.provenance.signing import signer_from_key

CERTIFICATES = make_development_certificates("Tests", datetime.now(UTC))
is_away = False
_signer = signer_from_key(CERTIFICATES.chain_pem, CERTIFICATES.key_pem)


def sign(content: bytes) -> bytes:
    if is_away:
        raise OSError("the key service is away")
    return _signer.sign(content)
