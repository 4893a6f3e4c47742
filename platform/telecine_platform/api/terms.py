"""How a request wants to be handled, whichever API's words it came in -> the job's terms."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from telecine_platform.api.numbers import WholeNumber
from telecine_platform.api.validation import printable
from telecine_platform.errors import InvalidRequest
from telecine_platform.records import NO_TERMS, Job, JobTerms
from telecine_platform.settings import Settings

MAX_PRIORITY = 9
"""Ark's range, 0 to 9."""
MAX_DEADLINE_S = 259_200
"""Ark's limit: three days."""
MAX_NAME_CHARS = 64
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

Name = Annotated[str, Field(pattern=_NAME, max_length=MAX_NAME_CHARS)]


class HandlingBody(BaseModel):
    """What a request to make a video may say about its handling. All of it goes beyond OpenAI."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    priority: Annotated[WholeNumber, Field(ge=0, le=MAX_PRIORITY)] | None = Field(
        default=None,
        description="0 (the default) to 9, the higher the sooner, as far as your tenant may.",
    )
    deadline_s: Annotated[WholeNumber, Field(ge=1, le=MAX_DEADLINE_S)] | None = Field(
        default=None, description="Not completed by then, it fails with the code `expired`."
    )
    use: Name | None = Field(
        default=None,
        description="What the clip is for: licences can be limited to uses. Default: video.",
    )
    region: Name | None = Field(
        default=None, description="Where the clip is shown. Default: the installation's."
    )


def checked_region(region: str | None, settings: Settings) -> str:
    """The region to screen for: the installation's, or one that the operator lets requests name.

    Rules differ by region, so a free choice would be a way around them. Raises `InvalidRequest`.
    """
    if region is None or region == settings.region:
        return settings.region
    allowed = settings.allowed_request_regions
    if region not in allowed:
        known = ", ".join(sorted({settings.region, *allowed} - {""})) or "none"
        raise InvalidRequest(
            f"region {printable(region)!r} cannot be chosen here; it can be: {known}",
            param="region",
            code="invalid_value",
        )
    return region


def terms_from_body(
    body: HandlingBody, settings: Settings, now: datetime, *, remixed: Job | None = None
) -> JobTerms:
    """What the body says, and for the rest what the remixed job's said, or the defaults."""
    before = NO_TERMS if remixed is None else remixed.terms
    region = (before.region or None) if body.region is None else body.region
    return JobTerms(
        priority=before.priority if body.priority is None else body.priority,
        deadline_at=deadline_from_s(body.deadline_s, now),
        use=before.use if body.use is None else body.use,
        region=checked_region(region, settings),
        remixed_from=None if remixed is None else remixed.id,
    )


def deadline_from_s(deadline_s: int | None, now: datetime) -> datetime | None:
    return None if deadline_s is None else now + timedelta(seconds=deadline_s)
