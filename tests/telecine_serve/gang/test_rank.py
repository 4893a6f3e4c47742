"""A rank without Ray: the class that the actor is made of, in a process of its own."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.ranks import run_ranks

_NUM_ACTIONS = 8
"""Of the first two clips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    is_resumed_equal: bool
    actions: list[str]
    """What was logged, in order."""
    keys_left: list[str]
    is_from_the_picture: bool


class _Actions(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(str(getattr(record, "action", "")))


def _resume_and_save(rank: int, world_size: int, port: int, model: Path, data: Path) -> _Report:
    from telecine_platform.settings import Settings
    from telecine_platform.storage.open import open_store
    from telecine_platform.storage.store import input_key
    from telecine_serve.engine.checkpoint_store import CheckpointStore
    from telecine_serve.engine.step_control import StepControl
    from telecine_serve.gang import rank as rank_module
    from telecine_serve.gang.plan import GangPlan
    from telecine_serve.models.images import Images
    from telecine_serve.parallel.axes import Axes
    from telecine_serve.parallel.placement import Placement
    from tests.telecine_serve.engine.checkpoints import SaveAll
    from tests.telecine_serve.specs import small_spec

    settings = Settings(num_ranks=world_size, model_folder=model, data_dir=data, checkpoint_s=1e-6)
    actor = rank_module.Rank(rank, settings)
    actor.start("127.0.0.1", port, GangPlan(axes=Axes(), placement=Placement()))
    blobs = open_store(settings.resolved_storage_url, None)
    saved = SaveAll()
    actor._engine.denoise(small_spec(), StepControl(actor._ranks), checkpoints=saved.writer)
    CheckpointStore(blobs).save("job_1", saved.checkpoints[0])

    actions = _Actions()
    rank_module.logger.addHandler(actions)
    rank_module.logger.setLevel(logging.INFO)
    resumed = actor.generate("job_1", small_spec(), 1, "")
    whole = actor.generate("job_2", small_spec(), 1, "")
    assert resumed is not None
    assert whole is not None

    picture = data / "picture.png"
    picture_HWC = np.full((64, 64, 3), (200, 30, 30), dtype=np.uint8)
    Image.fromarray(picture_HWC).save(picture)
    key = input_key("job_3", "first_frame.png")
    blobs.create(key, picture, "image/png")
    spec = small_spec(first_frame=key)
    from_blob = actor.generate("job_3", spec, 1, "")
    images = Images(first_HWC=picture_HWC)
    expected = actor._engine.generate(spec, StepControl(actor._ranks), images=images)
    assert from_blob is not None
    assert expected is not None
    return _Report(
        is_from_the_picture=np.array_equal(from_blob, expected)
        and not np.array_equal(from_blob, whole),
        is_resumed_equal=np.array_equal(resumed, whole),
        actions=actions.seen[:_NUM_ACTIONS],
        keys_left=blobs.keys("checkpoints"),
    )


def _generate_streamed(
    rank: int, world_size: int, port: int, model: Path, data: Path
) -> np.ndarray | None:
    from telecine_platform.settings import Settings
    from telecine_serve.gang.plan import GangPlan
    from telecine_serve.gang.rank import Rank
    from telecine_serve.parallel.axes import Axes
    from telecine_serve.parallel.placement import Placement
    from tests.telecine_serve.specs import small_spec

    actor = Rank(rank, Settings(num_ranks=world_size, model_folder=model, data_dir=data))
    placement = Placement(are_weights_streamed=True)
    actor.start("127.0.0.1", port, GangPlan(axes=Axes(), placement=placement))
    return actor.generate("job_1", small_spec(), 1, "")


@pytest.mark.slow
def test_rank_that_is_alone_streams_its_weights_too(embedded_folder: Path, tmp_path: Path) -> None:
    import torch

    from telecine_platform.catalogue import card_from_name
    from telecine_serve.engine.start import start_engine
    from telecine_serve.engine.step_control import StepControl
    from tests.telecine_serve.specs import small_spec

    (frames_THWC,) = run_ranks(_generate_streamed, 1, embedded_folder, tmp_path)

    engine = start_engine(embedded_folder, card_from_name("embedded"), torch.device("cpu"))
    expected_THWC = engine.generate(small_spec(), StepControl())
    assert expected_THWC is not None
    assert np.array_equal(frames_THWC, expected_THWC)


@pytest.mark.slow
def test_rank_resumes_saves_and_clears_up(embedded_folder: Path, tmp_path: Path) -> None:
    (report,) = run_ranks(_resume_and_save, 1, embedded_folder, tmp_path)

    assert report.is_resumed_equal
    assert report.actions == [
        *("resumed", "checkpoint_saved", "checkpoint_deleted", "generated"),
        *("checkpoint_saved", "checkpoint_saved", "checkpoint_deleted", "generated"),
    ]
    assert report.keys_left == []
    assert report.is_from_the_picture
