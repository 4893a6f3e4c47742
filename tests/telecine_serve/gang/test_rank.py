"""A rank without Ray: the class that the actor is made of, in a process of its own."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.ranks import run_ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    is_resumed_equal: bool
    actions: list[str]
    """What was logged, in order."""
    keys_left: list[str]


class _Actions(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(str(getattr(record, "action", "")))


def _resume_and_save(rank: int, world_size: int, port: int, model: Path, data: Path) -> _Report:
    from telecine_platform.settings import Settings
    from telecine_platform.storage.open import open_store
    from telecine_serve.engine.checkpoint_store import CheckpointStore
    from telecine_serve.engine.step_control import StepControl
    from telecine_serve.gang import rank as rank_module
    from telecine_serve.parallel.axes import Axes
    from tests.telecine_serve.engine.checkpoints import SaveAll
    from tests.telecine_serve.specs import small_spec

    settings = Settings(num_ranks=world_size, model_folder=model, data_dir=data, checkpoint_s=1e-6)
    actor = rank_module.Rank(rank, settings)
    actor.start("127.0.0.1", port, Axes())
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
    return _Report(
        is_resumed_equal=np.array_equal(resumed, whole),
        actions=actions.seen,
        keys_left=blobs.keys("checkpoints"),
    )


@pytest.mark.slow
def test_rank_resumes_saves_and_clears_up(embedded_folder: Path, tmp_path: Path) -> None:
    (report,) = run_ranks(_resume_and_save, 1, embedded_folder, tmp_path)

    assert report.is_resumed_equal
    assert report.actions == [
        *("resumed", "checkpoint_saved", "checkpoint_deleted", "generated"),
        *("checkpoint_saved", "checkpoint_saved", "checkpoint_deleted", "generated"),
    ]
    assert report.keys_left == []
