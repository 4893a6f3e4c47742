"""The official Ark SDK, unchanged, against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from volcenginesdkarkruntime import Ark
from volcenginesdkarkruntime._exceptions import ArkBadRequestError, ArkNotFoundError

from telecine_platform.records import Stage
from tests.telecine_platform.api.fakes import CLIP
from tests.telecine_platform.api.house import House, open_house

TASKS = "/api/v3/contents/generations/tasks"


@pytest.fixture
def ark(house: House) -> Iterator[Ark]:
    with Ark(base_url=f"{house.url}/api/v3", api_key="any", max_retries=0) as client:
        yield client


def text(prompt: str) -> list[Any]:  # Any: the SDK's own typed dictionaries
    return [{"type": "text", "text": prompt}]


def create(ark: Ark, prompt: str = "a red fox", **fields: Any) -> str:
    created = ark.content_generation.tasks.create(model="embedded", content=text(prompt), **fields)
    return str(created.id)


def test_a_created_task_waits_with_everything_that_was_asked_for(house: House, ark: Ark) -> None:
    created = ark.content_generation.tasks.create(
        model="embedded",
        content=text("a red fox"),
        safety_identifier="user-1",
        callback_url="https://example.org/hook",
        return_last_frame=True,
        service_tier="flex",
        execution_expires_after=3600,
        priority=3,
        seed=11,
        resolution="64p",
        ratio="3:2",
        duration=4,
        generate_audio=False,
        draft=False,
        camera_fixed=False,
        watermark=False,
        output_format="mp4",
    )
    task = ark.content_generation.tasks.get(task_id=created.id)

    assert created.safety_identifier == task.safety_identifier == "user-1"
    assert (task.status, task.model, task.seed, task.priority) == ("queued", "embedded", 11, 3)
    assert (task.resolution, task.ratio, task.duration) == ("64p", "3:2", 4)
    assert (task.frames, task.framespersecond) == (33, 8)
    assert (task.service_tier, task.execution_expires_after) == ("flex", 3600)
    assert task.created_at == task.updated_at > 0
    terms = house.jobs.get(created.id, "default").terms
    assert (terms.callback_url, terms.wants_last_frame) == ("https://example.org/hook", True)


def test_a_succeeded_task_says_where_its_clip_is(house: House, ark: Ark) -> None:
    task_id = create(ark, seed=-1)
    house.stages.work_off()

    task = ark.content_generation.tasks.get(task_id=task_id)

    assert task.status == "succeeded"
    assert house.client.get(task.content.video_url).content == CLIP
    assert task.content.last_frame_url is None
    assert task.usage.completion_tokens == 64 * 64 * 17 // 1024
    assert task.seed >= 0


def test_a_blocked_prompt_fails_with_a_reason(house: House, ark: Ark) -> None:
    task_id = create(ark, "a forbidden mouse")
    house.stages.work_off()

    task = ark.content_generation.tasks.get(task_id=task_id)

    assert (task.status, task.error.code) == ("failed", "protected_character")
    assert "describe your own" in task.error.message


def test_deleting_cancels_what_is_open_and_forgets_what_has_ended(house: House, ark: Ark) -> None:
    task_id = create(ark)
    assert house.stages.claim(Stage.SCREENING) is not None

    ark.content_generation.tasks.delete(task_id)
    cancelled = ark.content_generation.tasks.get(task_id=task_id)
    ark.content_generation.tasks.delete(task_id)

    assert (cancelled.status, cancelled.error.code) == ("cancelled", "cancelled")
    with pytest.raises(ArkNotFoundError):
        ark.content_generation.tasks.get(task_id=task_id)


def test_lists_are_filtered_and_counted(house: House, ark: Ark) -> None:
    done = [create(ark) for _ in range(3)]
    house.stages.work_off()
    queued = [create(ark, service_tier="flex") for _ in range(2)]

    def listed(**filters: Any) -> tuple[int, set[str]]:
        found = ark.content_generation.tasks.list(**filters)
        return found.total, {task.id for task in found.items}

    assert listed() == (5, {*done, *queued})
    assert listed(status="succeeded") == (3, set(done))
    assert listed(service_tier="flex") == (2, set(queued))
    assert listed(model="embedded", task_ids=[done[0], queued[0]]) == (2, {done[0], queued[0]})
    assert listed(status="running") == (0, set())
    pages = [listed(page_num=number, page_size=2) for number in (1, 2, 3)]
    assert [total for total, _ in pages] == [5, 5, 5]
    assert [len(ids) for _, ids in pages] == [2, 2, 1]


def test_words_after_the_prompt_are_parameters(house: House, ark: Ark) -> None:
    task_id = create(ark, "a red fox --ratio 3:2 --dur 4 --seed 5 --wm false", seed=6)
    spec = house.jobs.get(task_id, "default").spec
    assert (spec.prompt, spec.width_px, spec.duration_s) == ("a red fox", 96, 4)
    assert spec.seed == 6  # a field counts more than a word


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": "doubao-seedance-2-0"}, "model"),
        (
            {"content": [{"type": "video_url", "video_url": {"url": "https://a.b/c.mp4"}}]},
            "content",
        ),
        ({"content": []}, "content"),
        ({"content": text(" ")}, "content"),
        ({"content": text("a fox --seed x")}, "seed"),
        ({"content": [*text("a"), *text("b")]}, "content"),
        ({"ratio": "21:9"}, "ratio"),
        ({"resolution": "1080p"}, "resolution"),
        ({"duration": 12}, "duration"),
        ({"frames": 34}, "frames"),
        ({"execution_expires_after": 60}, "execution_expires_after"),
        ({"priority": 10}, "priority"),
        ({"service_tier": "best"}, "service_tier"),
        ({"seed": -2}, "seed"),
        ({"generate_audio": True}, "generate_audio"),
        ({"watermark": True}, "watermark"),
        ({"draft": True}, "draft"),
        ({"camera_fixed": True}, "camera_fixed"),
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"output_format": "gif"}, "output_format"),
        ({"callback_url": "ftp://example.org"}, "callback_url"),
        ({"callback_url": "https://user:word@example.org/hook"}, "callback_url"),
    ],
)
def test_what_the_model_cannot_do_is_refused_by_name(
    ark: Ark, fields: dict[str, Any], param: str
) -> None:
    request = {"model": "embedded", "content": text("a red fox")} | fields
    with pytest.raises(ArkBadRequestError) as caught:
        ark.content_generation.tasks.create(**request)
    assert caught.value.response.json()["error"]["param"] == param
    assert ark.content_generation.tasks.list().total == 0


def test_the_same_key_makes_one_task(ark: Ark) -> None:
    headers = {"Idempotency-Key": "k1"}
    assert create(ark, extra_headers=headers) == create(ark, extra_headers=headers)


def test_links_name_the_public_address(tmp_path: Path) -> None:
    with open_house(tmp_path, public_url="https://video.example.org/") as house:
        video_id = house.submit_and_finish()
        task = house.client.get(f"{TASKS}/{video_id}").json()
    link = f"https://video.example.org/v1/videos/{video_id}/content?variant=video"
    assert task["content"]["video_url"] == link
