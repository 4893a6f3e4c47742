"""What each tenant may have of the GPUs, from the operator's tenants file.

Invariant: a file that cannot be understood as a whole stops the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from telecine_platform.errors import SettingsError

DEFAULT = "default"
"""The entry of everybody who has none; also what other entries leave out comes from it."""
HIGHEST_PRIORITY = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantPolicy:
    """One tenant's share and bounds; None is no bound."""

    weight: float = 1.0
    """Its share of the GPUs under load, relative to the other tenants'."""
    highest_priority: int = HIGHEST_PRIORITY
    """Its jobs' priorities are cut down to this."""
    running_gpu_s: float | None = None
    """Price of its running jobs together; the others wait. One job may always run."""
    queued_gpu_s: float | None = None
    """Price of its waiting jobs together; more are refused."""
    daily_gpu_s: float | None = None
    """What it may use on a UTC day; more is refused."""
    submits_per_minute: float | None = None
    refusals_per_hour: float | None = None
    """Prompts that screening refused or changed; after these, more requests are refused."""

    @property
    def has_quotas(self) -> bool:
        """Whether admission has to look at what the tenant has already."""
        bounds = (
            self.queued_gpu_s,
            self.daily_gpu_s,
            self.submits_per_minute,
            self.refusals_per_hour,
        )
        return any(bound is not None for bound in bounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenants:
    """Every tenant's policy."""

    policies: Mapping[str, TenantPolicy]
    default: TenantPolicy = TenantPolicy()

    def policy_of(self, tenant_id: str) -> TenantPolicy:
        return self.policies.get(tenant_id, self.default)


def load_tenants(file: Path | None) -> Tenants:
    """Read the file (YAML: tenant -> weight and bounds); None: all are equal and unbounded.

    Raises `SettingsError`.
    """
    if file is None:
        return Tenants(policies={})
    try:
        entries = _FILE.validate_python(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"tenants_file {file} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise SettingsError(
            f"tenants_file {file}: {where}: {first['msg']}; it must map each tenant, and "
            f"`{DEFAULT}` for the others, to {{{', '.join(_Entry.model_fields)}}}"
        ) from error
    inherited = _given(entries.get(DEFAULT, _Entry()))
    return Tenants(
        policies={
            tenant_id: TenantPolicy(**inherited | _given(entry))
            for tenant_id, entry in entries.items()
        },
        default=TenantPolicy(**inherited),
    )


_Bound = Annotated[float, Field(gt=0, allow_inf_nan=False)] | None


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    weight: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    highest_priority: Annotated[int, Field(ge=0, le=HIGHEST_PRIORITY)] = HIGHEST_PRIORITY
    running_gpu_s: _Bound = None
    queued_gpu_s: _Bound = None
    daily_gpu_s: _Bound = None
    submits_per_minute: _Bound = None
    refusals_per_hour: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = None


_TenantId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", strict=True)]
_FILE = TypeAdapter(dict[_TenantId, _Entry])


def _given(entry: _Entry) -> dict[str, Any]:  # Any: the fields of TenantPolicy
    return entry.model_dump(exclude_unset=True)
