"""The official SDK, unchanged, against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from telecine_platform.records import Stage
from tests.telecine_platform.api.fakes import CLIP, FILES
from tests.telecine_platform.api.house import House, open_house

# The SDK marks its video methods so; the protocol lives on in other engines.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")


@pytest.fixture
def sdk(house: House) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{house.url}/v1", api_key="any", max_retries=0) as client:
        yield client


def test_create_returns_a_queued_video_with_all_defaults(sdk: openai.OpenAI) -> None:
    video = sdk.videos.create(prompt="a red fox")

    assert (video.status, video.progress, video.model) == ("queued", 0, "embedded")
    assert (video.size, video.seconds, video.prompt) == ("64x64", "2", "a red fox")
    assert video.completed_at is None
    assert video.expires_at is None
    assert video.error is None


def test_create_and_poll_ends_with_a_completed_video(house: House, sdk: openai.OpenAI) -> None:
    with house.working():
        video = sdk.videos.create_and_poll(
            prompt="a red fox",
            model="embedded",
            size="96x64",  # type: ignore[arg-type]  # the SDK's type lists only Sora's sizes
            seconds="4",
            extra_body={"seed": 2**63 - 1, "num_steps": 3, "guidance_scale": 2.5},
            poll_interval_ms=20,
        )

    assert (video.status, video.progress, video.size, video.seconds) == (
        "completed", 100, "96x64", "4",
    )  # fmt: skip
    assert video.completed_at is not None
    assert video.expires_at == video.completed_at + 86_400
    spec = house.jobs.get(video.id, "default").spec
    assert (spec.seed, spec.num_steps, spec.guidance_scale) == (2**63 - 1, 3, 2.5)


def test_polling_follows_the_header_until_the_video_is_final(
    house: House, sdk: openai.OpenAI
) -> None:
    created = sdk.videos.with_raw_response.create(prompt="a red fox")
    assert created.headers["openai-poll-after-ms"] == "500"
    house.stages.work_off()

    retrieved = sdk.videos.with_raw_response.retrieve(created.parse().id)

    assert retrieved.parse().status == "completed"
    assert "openai-poll-after-ms" not in retrieved.headers


def test_a_blocked_prompt_fails_with_a_reason(house: House, sdk: openai.OpenAI) -> None:
    with house.working():
        video = sdk.videos.create_and_poll(prompt="a forbidden mouse", poll_interval_ms=20)

    assert video.status == "failed"
    assert video.error is not None
    assert video.error.code == "protected_character"
    assert "describe your own" in video.error.message


def test_a_multipart_form_with_an_empty_file_input_works(house: House) -> None:
    files: list[tuple[str, tuple[str | None, bytes]]] = [
        ("prompt", (None, b"a red fox")),
        ("input_reference", ("", b"")),
    ]

    response = house.client.post("/v1/videos", files=files)

    assert response.status_code == 200, response.text


def test_listing_pages_through_all_videos_in_both_orders(sdk: openai.OpenAI) -> None:
    ids = [sdk.videos.create(prompt=f"fox {number}").id for number in range(5)]

    assert sorted(video.id for video in sdk.videos.list(limit=2)) == sorted(ids)
    page = sdk.videos.list(limit=2, order="asc")
    assert [video.id for video in page.data] == sorted(ids)[:2]
    assert page.has_more is True


def test_delete_hides_the_video_and_removes_its_bytes(house: House, sdk: openai.OpenAI) -> None:
    video_id = house.submit_and_finish()
    assert len(house.blobs.keys(f"results/{video_id}")) == 3

    receipt = sdk.videos.delete(video_id)

    assert (receipt.id, receipt.deleted, receipt.object) == (video_id, True, "video.deleted")
    assert house.blobs.keys(f"results/{video_id}") == []
    with pytest.raises(openai.NotFoundError):
        sdk.videos.retrieve(video_id)


@pytest.mark.parametrize(
    ("variant", "name"),
    [("video", "clip.mp4"), ("thumbnail", "thumbnail.webp"), ("spritesheet", "spritesheet.webp")],
)
def test_each_variant_downloads_whole_and_in_part(
    house: House, sdk: openai.OpenAI, variant: str, name: str
) -> None:
    video_id = house.submit_and_finish()
    content, content_type = FILES[name]

    whole = sdk.videos.download_content(video_id, variant=variant)  # type: ignore[arg-type]
    part = sdk.videos.download_content(
        video_id,
        variant=variant,  # type: ignore[arg-type]
        extra_headers={"Range": "bytes=4-9"},
    )

    assert whole.read() == content
    assert whole.response.headers["content-type"] == content_type
    assert part.response.status_code == 206
    assert part.read() == content[4:10]


def test_a_large_clip_arrives_in_chunks(house: House, sdk: openai.OpenAI) -> None:
    video_id = house.submit_and_finish()

    with sdk.videos.with_streaming_response.download_content(video_id) as response:
        assert b"".join(response.iter_bytes(1000)) == CLIP


def test_json_create_takes_numbers_or_text(house: House) -> None:
    body = {"prompt": "a red fox", "seconds": 1, "seed": "7", "negative_prompt": "blur"}

    response = house.client.post("/v1/videos", json=body)

    video = response.json()
    assert (video["seconds"], video["seed"], video["remixed_from_video_id"]) == ("1", 7, None)
    assert house.jobs.get(video["id"], "default").spec.negative_prompt == "blur"


def test_urlencoded_create_works(house: House) -> None:
    response = house.client.post("/v1/videos", data={"prompt": "ein Füchslein & mehr"})
    assert response.json()["prompt"] == "ein Füchslein & mehr"


def test_a_completed_video_says_how_long_the_model_worked(house: House) -> None:
    video_id = house.submit_and_finish()
    assert house.client.get(f"/v1/videos/{video_id}").json()["inference_time_s"] >= 0


def test_a_claimed_job_is_in_progress_between_stages(house: House) -> None:
    video_id = house.submit()
    job = house.stages.claim(house.jobs.get(video_id, "default").stage)
    assert job is not None
    house.jobs.hand_over(job, None, job.created_at)

    assert house.client.get(f"/v1/videos/{video_id}").json()["status"] == "in_progress"


def test_models_lists_what_is_served_with_its_limits(sdk: openai.OpenAI, house: House) -> None:
    assert [model.id for model in sdk.models.list()] == ["embedded"]
    limits = house.client.get("/v1/models/embedded").json()["limits"]
    assert limits["sizes"][0] == "64x64"
    assert limits["seconds"] == ["2", "1", "4"]
    with pytest.raises(openai.NotFoundError):
        sdk.models.retrieve("sora-2")


def test_the_stored_trace_context_continues_the_callers(house: House) -> None:
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    response: httpx.Response = house.client.post(
        "/v1/videos", json={"prompt": "a red fox"}, headers={"traceparent": traceparent}
    )
    job = house.jobs.get(response.json()["id"], "default")
    assert job.traceparent.split("-")[1] == "0af7651916cd43dd8448eb211c80319c"


def test_a_remix_takes_everything_over_but_the_prompt(house: House, sdk: openai.OpenAI) -> None:
    source = sdk.videos.create(
        prompt="a red fox",
        size="96x64",  # type: ignore[arg-type]
        seconds="4",
        extra_body={"seed": 5, "negative_prompt": "blur", "priority": 3, "use": "advertising"},
    )

    remix = sdk.videos.remix(source.id, prompt="a blue fox")

    assert (remix.prompt, remix.remixed_from_video_id) == ("a blue fox", source.id)
    before, after = (house.jobs.get(video.id, "default") for video in (source, remix))
    assert after.spec == replace(before.spec, prompt="a blue fox")
    assert (after.terms.priority, after.terms.use) == (3, "advertising")


def test_a_cancelled_video_fails_with_that_code(house: House, sdk: openai.OpenAI) -> None:
    video = sdk.videos.create(prompt="a red fox")
    assert house.stages.claim(Stage.SCREENING) is not None

    house.client.post(f"/v1/videos/{video.id}/cancel").raise_for_status()

    cancelled = sdk.videos.poll(video.id)
    assert (cancelled.status, cancelled.error and cancelled.error.code) == ("failed", "cancelled")
    again = house.client.post(f"/v1/videos/{video.id}/cancel")
    assert again.json() == house.client.get(f"/v1/videos/{video.id}").json()


def test_a_completed_video_cannot_be_cancelled(house: House) -> None:
    answer = house.client.post(f"/v1/videos/{house.submit_and_finish()}/cancel")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "illegal_transition")


def test_what_no_model_here_can_do_says_so(sdk: openai.OpenAI) -> None:
    clip = ("clip.mp4", CLIP, "video/mp4")
    with pytest.raises(openai.BadRequestError, match="cannot edit a clip"):
        sdk.videos.edit(prompt="more snow", video=clip)
    with pytest.raises(openai.BadRequestError, match="ask for a longer video"):
        sdk.videos.extend(prompt="go on", seconds="4", video=clip)
    with pytest.raises(openai.BadRequestError, match="describe it in the prompt"):
        sdk.videos.create_character(name="fox", video=clip)
    with pytest.raises(openai.NotFoundError):
        sdk.videos.get_character("char_1")


@pytest.mark.parametrize(
    ("settings", "region", "stored"),
    [
        ({}, None, ""),
        ({"region": "EU"}, None, "EU"),
        ({"region": "EU"}, "EU", "EU"),
        ({"region": "EU", "request_regions": "US, JP"}, "JP", "JP"),
        ({"region": "EU", "request_regions": "US"}, "JP", None),
        ({}, "US", None),
    ],
)
def test_a_request_names_only_regions_that_the_operator_lets_it(
    tmp_path: Path, settings: dict[str, Any], region: str | None, stored: str | None
) -> None:
    body = {"prompt": "a red fox"} | ({} if region is None else {"region": region})
    with open_house(tmp_path, **settings) as house:
        answer = house.client.post("/v1/videos", json=body)
        if stored is None:
            assert answer.json()["error"]["param"] == "region"
        else:
            assert house.jobs.get(answer.json()["id"], "default").terms.region == stored
