"""An interrupted stage goes on as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from telecine_serve.embedded.training import progress as progress_module
from telecine_serve.embedded.training.vae import Windows, train_vae

SCHEDULE = (Windows(num_frames=1, batch=4, num_steps=4),)


class Interrupted(Exception):
    pass


def test_resumed_training_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_vae(tmp_path / "whole", 0, SCHEDULE)
    monkeypatch.setattr(progress_module, "CHECKPOINT_S", -1.0)
    report = progress_module.StageProgress.report

    def report_and_stop(self: progress_module.StageProgress, step: int, **figures: float) -> None:
        report(self, step, **figures)
        if step == 1:
            raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(progress_module.StageProgress, "report", report_and_stop)
        with pytest.raises(Interrupted):
            train_vae(tmp_path / "parts", 0, SCHEDULE)
    resumed = train_vae(tmp_path / "parts", 0, SCHEDULE)

    for (name, expected), (_, found) in zip(
        whole.named_parameters(), resumed.named_parameters(), strict=True
    ):
        assert torch.equal(expected, found), name
    assert [path.name for path in (tmp_path / "parts").glob("*.part")] == []
