"""Whatever is sent to a route of /openapi.json gets an answer that /openapi.json describes, and
never a 5xx.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from telecine_platform.rights.open import open_rights
from telecine_platform.settings import Settings
from tests.telecine_platform.api.house import open_house

EXCLUDED: list[Any] = [  # Any: schemathesis's type of a check is generic
    # Limits of the model and states of jobs are not in the schema: valid data may be refused.
    positive_data_acceptance,
]


@schemathesis.serializer("application/jsonl")
def lines(_context: object, value: object) -> bytes:
    """The registry's file, which schemathesis does not know how to write."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()


NUM_EXAMPLES = 15
"""For each operation and each of the two modes; seconds in all."""


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Any]]:  # Any: untyped
    folder = tmp_path_factory.mktemp("schema")
    with open_house(folder, preview_wait_s=0) as house:  # nobody here answers previews
        open_rights(Settings(data_dir=folder), house.jobs.database)
        house.submit_and_finish()
        described = house.client.get("/openapi.json").json()
        schema = schemathesis.openapi.from_dict(without_keys(described))
        schema.config.update(base_url=house.url)
        yield [unwrapped(result) for result in schema.get_all_operations()]


def unwrapped(result: Any) -> Any:  # Any: schemathesis's own Ok or Err; Err raises here
    return result.ok()


def without_keys(described: dict[str, Any]) -> dict[str, Any]:
    """This installation has no API keys: test_tenants.py asks every route for one."""
    for item in described["paths"].values():
        for operation in item.values():
            operation.pop("security", None)
    return described


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_operation_answers_as_described(
    operations: list[Any], mode: GenerationMode, subtests: pytest.Subtests
) -> None:
    assert len(operations) > 30
    for operation in operations:
        with subtests.test(operation.label):
            check(operation, mode)


def check(operation: Any, mode: GenerationMode) -> None:
    @settings(
        max_examples=NUM_EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def answers_as_described(case: Any) -> None:
        case.call_and_validate(excluded_checks=EXCLUDED, timeout=20)

    try:
        answers_as_described()
    except Unsatisfiable:
        # Nothing that is sent to it can be wrong: it has no parameters.
        assert mode is GenerationMode.NEGATIVE
