"""Development certificates for C2PA: a root of our own and a signing certificate below it.

They prove nothing to strangers, who do not trust the root: for real releases an operator buys a
certificate of an authority on C2PA's trust list. Profile: C2PA specification 2.1, section 14.5
(P-256, digitalSignature, an extended key usage of its own, an authority key identifier).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE_DAYS: Final = 365
_ROOT_NAME: Final = "Telecine development root, trusted by nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class DevelopmentCertificates:
    """Three PEM files."""

    chain_pem: bytes
    """The signing certificate, then the root."""
    key_pem: bytes
    """PKCS #8, unencrypted: keep it from everybody."""
    root_pem: bytes
    """What to trust where clips are verified."""


def make_development_certificates(
    organisation: str, now: datetime, life_days: int = LIFE_DAYS
) -> DevelopmentCertificates:
    """Make a new root, which forgets its key, and one signing certificate below it."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name, name = _name(organisation, _ROOT_NAME), _name(organisation, "Telecine clips")
    starts_at, ends_at = now - timedelta(minutes=5), now + timedelta(days=life_days)
    root = (
        _builder(root_name, root_name, root_key.public_key(), starts_at, ends_at)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(is_root=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        _builder(name, root_name, key.public_key(), starts_at, ends_at)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(is_root=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False
        )
        .sign(root_key, hashes.SHA256())
    )
    root_pem = root.public_bytes(serialization.Encoding.PEM)
    return DevelopmentCertificates(
        chain_pem=leaf.public_bytes(serialization.Encoding.PEM) + root_pem,
        key_pem=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        root_pem=root_pem,
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    starts_at: datetime,
    ends_at: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts_at)
        .not_valid_after(ends_at)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _name(organisation: str, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _key_usage(*, is_root: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_root,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_root,
        crl_sign=is_root,
        encipher_only=False,
        decipher_only=False,
    )
