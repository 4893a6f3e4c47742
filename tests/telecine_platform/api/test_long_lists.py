"""Both official SDKs page through more than a thousand jobs, and miss or repeat none."""

from __future__ import annotations

from datetime import timedelta

import openai
import pytest
from volcenginesdkarkruntime import Ark

from telecine_platform.clock import utc_now
from telecine_platform.ids import new_job_id
from tests.records import spec
from tests.telecine_platform.api.house import House

NUM_JOBS = 1_001


@pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")
def test_a_thousand_jobs_are_listed_page_by_page(house: House) -> None:
    now = utc_now()
    ids = [new_job_id(now + timedelta(milliseconds=number)) for number in range(NUM_JOBS)]
    for job_id in ids:
        house.jobs.submit(job_id=job_id, tenant_id="default", spec=spec(), traceparent="", now=now)

    with openai.OpenAI(base_url=f"{house.url}/v1", api_key="any", max_retries=0) as sdk:
        assert [video.id for video in sdk.videos.list(limit=100)] == ids[::-1]
        assert [video.id for video in sdk.videos.list(limit=100, order="asc")] == ids

    with Ark(base_url=f"{house.url}/api/v3", api_key="any", max_retries=0) as ark:
        pages = [
            ark.content_generation.tasks.list(page_num=number, page_size=250)
            for number in range(1, 7)
        ]
    assert [page.total for page in pages] == [NUM_JOBS] * 6
    assert [task.id for page in pages for task in page.items] == ids[::-1]
    assert [len(page.items) for page in pages] == [250, 250, 250, 250, 1, 0]
