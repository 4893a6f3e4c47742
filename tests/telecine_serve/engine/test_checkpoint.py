from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from telecine_platform.catalogue import card_from_name
from telecine_platform.errors import ModelError
from telecine_platform.storage.local import LocalStore
from telecine_serve.engine.checkpoint import (
    Checkpoint,
    CheckpointWriter,
    clip_fingerprint,
    read_checkpoint,
    write_checkpoint,
)
from telecine_serve.engine.checkpoint_store import CheckpointStore
from telecine_serve.engine.pipeline import Engine
from telecine_serve.engine.scheduler_state import SchedulerState, restore_scheduler
from telecine_serve.engine.start import start_engine
from telecine_serve.engine.step_control import StepControl
from tests.telecine_serve.engine.checkpoints import (
    NUM_STEPS,
    SCHEDULERS,
    SaveAll,
    folders_by_scheduler,
)
from tests.telecine_serve.specs import small_spec

_SPEC = small_spec(num_steps=NUM_STEPS)


@pytest.fixture(scope="module")
def engines(embedded_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Engine]:
    folders = folders_by_scheduler(embedded_folder, tmp_path_factory.mktemp("schedulers"))
    card = card_from_name("embedded")
    return {
        name: start_engine(folder, card, torch.device("cpu")) for name, folder in folders.items()
    }


def _checkpoint(step: int = 2, fingerprint: str = "clip") -> Checkpoint:
    return Checkpoint(
        fingerprint=fingerprint,
        step=step,
        num_steps=NUM_STEPS,
        latents_BCTHW=torch.randn(1, 4, 2, 3, 3, generator=torch.Generator().manual_seed(step)),
        scheduler=SchedulerState(
            scheduler_name="UniPCMultistepScheduler",
            numbers={"_step_index": step},
            tensors={"last_sample": torch.zeros(1), "timestep_list.1": torch.tensor(937)},
        ),
    )


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_clip_resumed_after_any_step_is_the_same_bit_for_bit(
    engines: dict[str, Engine], scheduler: str, tmp_path: Path
) -> None:
    saved = SaveAll()
    expected_BCTHW = engines[scheduler].denoise(_SPEC, StepControl(), checkpoints=saved.writer)

    assert [checkpoint.step for checkpoint in saved.checkpoints] == [1, 2, 3, 4, 5]
    for checkpoint in saved.checkpoints:
        path = tmp_path / f"{checkpoint.step}.safetensors"
        write_checkpoint(path, checkpoint)
        resumed_BCTHW = engines[scheduler].denoise(
            _SPEC, StepControl(), resume_from=read_checkpoint(path)
        )
        assert torch.equal(resumed_BCTHW, expected_BCTHW)


def test_checkpoint_of_another_clip_is_refused(engines: dict[str, Engine]) -> None:
    saved = SaveAll()
    engines["euler"].denoise(_SPEC, StepControl(), checkpoints=saved.writer)

    with pytest.raises(ModelError, match="another clip"):
        engines["euler"].denoise(
            small_spec(num_steps=NUM_STEPS, seed=8),
            StepControl(),
            resume_from=saved.checkpoints[0],
        )


def test_state_of_another_scheduler_is_refused() -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler

    with pytest.raises(ModelError, match="UniPC"):
        restore_scheduler(
            FlowMatchEulerDiscreteScheduler(), _checkpoint().scheduler, torch.device("cpu")
        )


def test_checkpoint_is_taken_when_the_time_has_come() -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler

    scheduler = FlowMatchEulerDiscreteScheduler()
    scheduler._step_index = 1
    now_s = [100.0]
    saved: list[Checkpoint] = []
    writer = CheckpointWriter(10.0, saved.append, lambda: now_s[0])
    for step, now_s[0] in enumerate((105.0, 111.0, 120.0, 122.0, 140.0), start=1):
        writer.after_step(step, 5, torch.zeros(1), scheduler, "clip")

    assert [checkpoint.step for checkpoint in saved] == [2, 4]


def test_fingerprint_follows_everything_that_was_asked_and_tells_no_prompt() -> None:
    card = card_from_name("embedded")
    fingerprints = {
        clip_fingerprint(small_spec(**change), card)
        for change in ({}, {"seed": 8}, {"prompt": "a cat"}, {"guidance_scale": 3.5})
    }

    assert len(fingerprints) == 4
    assert clip_fingerprint(small_spec(), card) in fingerprints


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", None])
def test_file_that_is_no_checkpoint_raises(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "file"
    if content is None:
        save_file({"latents": torch.zeros(1)}, path)
    else:
        path.write_bytes(content)

    with pytest.raises(ModelError, match="checkpoint"):
        read_checkpoint(path)


def test_store_keeps_the_newest_checkpoint(tmp_path: Path) -> None:
    blobs = LocalStore(tmp_path)
    store = CheckpointStore(blobs)
    for step in (2, 4, 10):
        store.save("job", _checkpoint(step))
    store.save("job", _checkpoint(10))

    latest = store.latest("job", "clip")
    assert latest is not None
    assert latest.step == 10
    assert torch.equal(latest.latents_BCTHW, _checkpoint(10).latents_BCTHW)
    assert torch.equal(latest.scheduler.tensors["timestep_list.1"], torch.tensor(937))
    assert blobs.keys("checkpoints") == ["checkpoints/job/000010.safetensors"]


def test_store_has_nothing_for_other_jobs_and_deletes_with_the_job(tmp_path: Path) -> None:
    store = CheckpointStore(LocalStore(tmp_path))
    store.save("job", _checkpoint())

    assert store.latest("job-2", "clip") is None
    store.delete("job")
    assert store.latest("job", "clip") is None


def test_store_deletes_what_is_damaged_or_of_another_clip(tmp_path: Path) -> None:
    blobs = LocalStore(tmp_path / "blobs")
    store = CheckpointStore(blobs)
    store.save("job", _checkpoint(2))
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"?")
    blobs.create("checkpoints/job/000003.safetensors", damaged, "application/octet-stream")

    latest = store.latest("job", "clip")
    assert latest is not None
    assert latest.step == 2
    assert store.latest("job", "other clip") is None
    assert blobs.keys("checkpoints") == []
