from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from telecine_platform.jobs.store import JobStore
from telecine_platform.ledger.heads import SignedHeads
from telecine_platform.ledger.store import Ledger
from telecine_platform.storage.local import LocalStore


@pytest.fixture
def ledger(jobs: JobStore) -> Ledger:
    return Ledger(jobs.database)


@pytest.fixture
def heads(tmp_path: Path) -> SignedHeads:
    return SignedHeads(LocalStore(tmp_path / "blobs"))


@pytest.fixture(scope="session")
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()
