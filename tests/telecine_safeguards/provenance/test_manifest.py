"""Manifests as c2pa-python reads them, and everything that must stop a signature."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from telecine_safeguards.errors import ProvenanceError
from telecine_safeguards.provenance.certificates import (
    DevelopmentCertificates,
    make_development_certificates,
)
from telecine_safeguards.provenance.manifest import Generation, read_manifest, sign_clip
from telecine_safeguards.provenance.signing import signer_from_key, signer_from_service
from tests.telecine_safeguards.provenance.files import mp4, remuxed
from tests.telecine_safeguards.provenance.pictures import MARK_ID

NOW = datetime.now(UTC)
GENERATION = Generation(
    job_id="video_1",
    model="embedded",
    telecine_version="0.1.0",
    registry_version="starter-1",
    grants=("grant_1",),
    mark_id=MARK_ID,
    made_at=NOW,
)


@pytest.fixture(scope="module")
def made() -> DevelopmentCertificates:
    return make_development_certificates("Tests", NOW)


@pytest.fixture(scope="module")
def unsigned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mp4(tmp_path_factory.mktemp("clips") / "unsigned.mp4")


@pytest.fixture(scope="module")
def signed(unsigned: Path, made: DevelopmentCertificates) -> Path:
    path = unsigned.with_name("signed.mp4")
    sign_clip(unsigned, path, GENERATION, signer_from_key(made.chain_pem, made.key_pem))
    return path


def test_manifest_says_what_made_the_clip(signed: Path) -> None:
    found = read_manifest(signed)
    assert found is not None
    assert (found.is_valid, found.signer) == (True, "Tests")
    assert (found.job_id, found.mark_id) == ("video_1", MARK_ID)
    (manifest,) = found.document["manifests"].values()
    assertions = {each["label"]: each["data"] for each in manifest["assertions"]}
    created = assertions["c2pa.actions.v2"]["actions"][0]
    assert created["action"] == "c2pa.created"
    assert created["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert assertions["c2pa.soft-binding"]["blocks"][0]["value"] == f"{MARK_ID:010x}"
    details = assertions["telecine.generation"]
    assert (details["registry_version"], details["licences"]) == ("starter-1", ["grant_1"])


def test_trust_depends_on_the_root(signed: Path, made: DevelopmentCertificates) -> None:
    ours, theirs = made.root_pem, make_development_certificates("Others", NOW).root_pem
    assert _trusted(signed, ours) == (True, True)
    assert _trusted(signed, theirs) == (True, False)


def test_changed_byte_is_seen(signed: Path, tmp_path: Path) -> None:
    content = bytearray(signed.read_bytes())
    content[-200] ^= 1
    (tmp_path / "changed.mp4").write_bytes(content)
    found = read_manifest(tmp_path / "changed.mp4")
    assert found is not None
    assert not found.is_valid
    assert found.problems == ("assertion.bmffHash.mismatch",)


def test_remux_strips_the_manifest(signed: Path, tmp_path: Path) -> None:
    assert read_manifest(remuxed(signed, tmp_path / "remuxed.mp4")) is None


@pytest.mark.parametrize("content", [b"", b"no clip at all" * 50])
def test_what_is_no_mp4_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(content)
    with pytest.raises(ProvenanceError, match=r"x\.mp4 cannot be read"):
        read_manifest(tmp_path / "x.mp4")


def test_expired_certificate_signs_nothing(unsigned: Path, tmp_path: Path) -> None:
    old = make_development_certificates("Tests", NOW - timedelta(days=400))
    signer = signer_from_key(old.chain_pem, old.key_pem)
    with pytest.raises(ProvenanceError, match="put a new one in its place"):
        sign_clip(unsigned, tmp_path / "signed.mp4", GENERATION, signer)
    assert not (tmp_path / "signed.mp4").exists()


def test_key_of_another_certificate_is_refused(made: DevelopmentCertificates) -> None:
    other = make_development_certificates("Tests", NOW)
    with pytest.raises(ProvenanceError, match="does not fit the first certificate"):
        signer_from_key(made.chain_pem, other.key_pem)


def test_broken_chain_is_refused(made: DevelopmentCertificates) -> None:
    leaf = made.chain_pem[: -len(made.root_pem)]
    other = make_development_certificates("Others", NOW)
    with pytest.raises(ProvenanceError, match="the chain is broken"):
        signer_from_key(leaf + other.root_pem, made.key_pem)


@pytest.mark.parametrize("key_pem", [b"", b"-----BEGIN PRIVATE KEY-----\nxx\n"])
def test_what_is_no_key_is_refused_without_quoting_it(
    key_pem: bytes, made: DevelopmentCertificates
) -> None:
    with pytest.raises(ProvenanceError, match="no unencrypted PEM private key"):
        signer_from_key(made.chain_pem, key_pem)


def test_key_service_signs_and_its_outage_signs_nothing(
    made: DevelopmentCertificates, unsigned: Path, tmp_path: Path
) -> None:
    local, is_away = signer_from_key(made.chain_pem, made.key_pem), False

    def service(content: bytes) -> bytes:
        if is_away:
            raise OSError("the service is away")
        return local.sign(content)

    signer = signer_from_service(made.chain_pem, service)
    sign_clip(unsigned, tmp_path / "signed.mp4", GENERATION, signer)
    is_away = True
    with pytest.raises(ProvenanceError, match="could not be signed"):
        sign_clip(unsigned, tmp_path / "again.mp4", GENERATION, signer)
    with pytest.raises(ProvenanceError, match="gave no signature: the service is away"):
        signer_from_service(made.chain_pem, service)


def _trusted(file: Path, root_pem: bytes) -> tuple[bool, bool]:
    found = read_manifest(file, root_pem)
    assert found is not None
    return found.is_valid, found.is_trusted
