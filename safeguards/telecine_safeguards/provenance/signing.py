"""Who signs manifests: a certificate chain, and a function that signs with its key (ES256).

The key itself may be anywhere: in a file, in an environment secret, or in a key service that only
hands out signatures. Invariant: a signer whose key does not fit its certificate, or whose
certificate is not in force, signs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from telecine_safeguards.errors import ProvenanceError

Sign = Callable[[bytes], bytes]
"""Content in, ECDSA P-256 SHA-256 signature out, as DER (what key services give)."""
_NUM_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSigner:
    """A chain that fits its key."""

    chain_pem: str
    """The signing certificate first, then those above it."""
    sign: Sign
    starts_at: datetime
    ends_at: datetime

    def raw_signature(self, content: bytes) -> bytes:
        """The signature as COSE wants it: r and s, 32 bytes each."""
        r, s = decode_dss_signature(self.sign(content))
        return r.to_bytes(_NUM_BYTES, "big") + s.to_bytes(_NUM_BYTES, "big")

    def check_in_force(self, now: datetime) -> None:
        """Raise `ProvenanceError` before the certificate's first and after its last moment."""
        if not self.starts_at <= now <= self.ends_at:
            raise ProvenanceError(
                f"the signing certificate holds from {self.starts_at:%Y-%m-%d} to "
                f"{self.ends_at:%Y-%m-%d}: put a new one in its place (`telecine certificates` "
                "makes one for development)"
            )


def signer_from_key(chain_pem: bytes, key_pem: bytes) -> ClipSigner:
    """A signer with its key in memory. Raises `ProvenanceError` for what is no P-256 key."""
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError) as error:  # not quoted: it may be a key with a letter missing
        raise ProvenanceError("the signing key is no unencrypted PEM private key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ProvenanceError("the signing key must be an elliptic-curve key on P-256")
    private_key = key
    return signer_from_service(
        chain_pem, lambda content: private_key.sign(content, ec.ECDSA(hashes.SHA256()))
    )


def signer_from_service(chain_pem: bytes, sign: Sign) -> ClipSigner:
    """A signer whose key stays where it is. Asks it for one signature.

    Raises `ProvenanceError` for a broken chain, and where the signature is not the certificate's.
    """
    chain = _chain(chain_pem)
    public_key = chain[0].public_key()
    if not isinstance(public_key, ec.EllipticCurvePublicKey):
        raise ProvenanceError("the signing certificate must be for an elliptic-curve key on P-256")
    probe = b"telecine asks whether this key fits its certificate"
    try:
        signature = sign(probe)
        encode_dss_signature(*decode_dss_signature(signature))
        public_key.verify(signature, probe, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError) as error:
        raise ProvenanceError(
            "the signing key does not fit the first certificate of the chain"
        ) from error
    except Exception as error:  # whatever a key service raises
        raise ProvenanceError(f"the key service gave no signature: {error}") from error
    return ClipSigner(
        chain_pem=chain_pem.decode("ascii"),
        sign=sign,
        starts_at=chain[0].not_valid_before_utc,
        ends_at=chain[0].not_valid_after_utc,
    )


def _chain(chain_pem: bytes) -> list[x509.Certificate]:
    try:
        chain = x509.load_pem_x509_certificates(chain_pem)
    except ValueError as error:
        raise ProvenanceError(
            "the signing certificates are no PEM file; the signing one goes first"
        ) from error
    for below, above in pairwise(chain):
        try:
            below.verify_directly_issued_by(above)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise ProvenanceError(
                f"the chain is broken: {below.subject.rfc4514_string()} was not issued by "
                f"{above.subject.rfc4514_string()}"
            ) from error
    return chain
