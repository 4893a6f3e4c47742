from __future__ import annotations

import pytest

from telecine_platform.errors import JobCancelled
from telecine_serve.engine.step_control import Phase, StepControl


def test_fresh_control_waits_at_nothing() -> None:
    progress = StepControl().progress()

    assert (progress.phase, progress.step, progress.num_steps) == (Phase.WAITING, 0, 0)


def test_boundary_records_the_step() -> None:
    control = StepControl()

    control.at_boundary(3, 12)

    assert (control.step, control.num_steps) == (3, 12)


def test_cancelled_control_raises_at_the_next_boundary() -> None:
    control = StepControl()
    control.at_boundary(0, 12)
    control.cancel()

    with pytest.raises(JobCancelled, match="after 1 of 12"):
        control.at_boundary(1, 12)


def test_beats_go_up_at_phases_steps_and_beats() -> None:
    control = StepControl()
    beats = [control.num_beats]
    control.enter(Phase.ENCODING)
    beats.append(control.num_beats)
    control.at_boundary(0, 2)
    beats.append(control.num_beats)
    control.beat()
    beats.append(control.num_beats)

    assert beats == sorted(set(beats))
