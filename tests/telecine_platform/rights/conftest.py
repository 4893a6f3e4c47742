from __future__ import annotations

import pytest

from telecine_platform.jobs.store import JobStore
from telecine_platform.rights.store import RightsStore
from tests.rights_records import seeded


@pytest.fixture
def rights(jobs: JobStore) -> RightsStore:
    return seeded(jobs.database)
