"""What plug-ins that listen are given of a clip's sound, and what their answers do."""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from telecine_safeguards.errors import CheckFailed, PolicyError
from telecine_safeguards.output import sound_track
from telecine_safeguards.output.evidence import evidence_from_rounds
from telecine_safeguards.output.looks import Looks
from telecine_safeguards.output.moderate import OutputModeration
from telecine_safeguards.output.process import Limits
from telecine_safeguards.output.sound_track import RATE_HZ, has_sound, parts_from_file
from telecine_safeguards.policy_file import policy_from_yaml
from telecine_safeguards.verdict import Action, Verdict
from tests.telecine_safeguards.fake_looks import ASKED
from tests.telecine_safeguards.registries import entity, registry
from tests.telecine_safeguards.test_check_process import FAULTS
from tests.telecine_safeguards.tones import pitch_hz, tone, write_sound

CLIP = np.zeros((3, 16, 16, 3), np.uint8)
LISTENER = """
import json, sys
import numpy as np
for line in sys.stdin:
    asked = json.loads(line)
    samples = np.load(asked["samples"])
    spectrum = np.abs(np.fft.rfft(samples))
    pitch_hz = np.fft.rfftfreq(len(samples), 1 / asked["rate_hz"])[spectrum.argmax()]
    start_s = asked["starts_at_s"]
    heard = {"start_s": start_s, "end_s": start_s + len(samples) / asked["rate_hz"], "score": 0.9}
    heard |= {"label": "siren"} if 430 < pitch_hz < 450 else {}
    heard |= {"label": "speech", "text": "so said Robo"} if 870 < pitch_hz < 890 else {}
    print(json.dumps({"sounds": [heard] if "label" in heard else []}), flush=True)
"""
"""Takes 440 Hz for a siren, and 880 Hz for a voice that says a protected name."""


@pytest.mark.parametrize(
    ("name", "codec", "video"),
    [
        ("clip.mp4", "aac", "libx264"),
        ("clip.webm", "libopus", "libvpx"),
        ("clip.mkv", "flac", None),
    ],
)
def test_samples_are_those_that_were_encoded(
    tmp_path: Path, name: str, codec: str, video: str | None
) -> None:
    sound = np.concatenate([tone(440, 2), tone(1000, 2)])
    file = write_sound(tmp_path / name, sound, codec, video=video)

    left, right = parts_from_file(file)

    assert has_sound(file)
    assert [each.channel for each in (left, right)] == [0, 1]
    assert left.samples.dtype == np.float32
    assert left.ends_at_s == pytest.approx(2, abs=0.1)
    assert pitch_hz(left.samples, RATE_HZ) == pytest.approx(440, abs=2)
    assert pitch_hz(right.samples, RATE_HZ) == pytest.approx(1000, abs=2)
    assert np.sqrt(np.mean(np.square(left.samples))) == pytest.approx(0.5 / np.sqrt(2), abs=0.03)


def test_long_sound_comes_in_parts_that_overlap(tmp_path: Path) -> None:
    file = write_sound(tmp_path / "a.mkv", tone(300, 65, 8_000), "flac", rate_hz=8_000)

    parts = list(parts_from_file(file))

    assert [each.starts_at_s for each in parts] == [0, 29, 58]
    assert parts[-1].ends_at_s == pytest.approx(65, abs=0.1)
    assert np.array_equal(parts[0].samples[29 * RATE_HZ :], parts[1].samples[:RATE_HZ])


def test_opposite_channels_do_not_cancel_out_and_equal_ones_are_heard_once(tmp_path: Path) -> None:
    mono = tone(440, 1)
    opposite = write_sound(tmp_path / "a.mkv", np.concatenate([mono, -mono]), "flac")
    equal = write_sound(tmp_path / "b.mkv", np.concatenate([mono, mono]), "flac")

    assert [np.abs(each.samples).max() > 0.4 for each in parts_from_file(opposite)] == [True, True]
    assert [each.channel for each in parts_from_file(equal)] == [0]


def test_file_without_sound_has_none(tmp_path: Path) -> None:
    silent = write_sound(tmp_path / "a.mp4", tone(440, 0.5), video="libx264")
    (tmp_path / "b.mp4").write_bytes(b"no clip")

    assert has_sound(silent)
    with pytest.raises(CheckFailed, match="cannot be opened"):
        has_sound(tmp_path / "b.mp4")


def _cut(file: Path) -> Path:
    """Nothing but headers is left."""
    file.write_bytes(file.read_bytes()[:600])
    return file


def test_damaged_sound_is_no_answer(tmp_path: Path) -> None:
    whole = tone(440, 2)
    not_finite = np.full_like(whole, np.nan)
    for file in (
        _cut(write_sound(tmp_path / "cut.mkv", whole, "flac")),
        write_sound(tmp_path / "not-finite.mkv", not_finite, "pcm_f32le"),
        write_sound(tmp_path / "no-sample.mkv", whole[:, :0], "flac"),
    ):
        with pytest.raises(CheckFailed, match="sound"):
            print(file.name, list(parts_from_file(file)))


def test_endless_sound_is_no_answer_and_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound_track, "MAX_SOUND_S", 40)
    file = write_sound(tmp_path / "a.mkv", tone(300, 41, 8_000), "flac", rate_hz=8_000)
    with pytest.raises(CheckFailed, match="longer than 40 s"):
        list(parts_from_file(file))

    with wave.open(str(tmp_path / "b.wav"), "wb") as many:
        many.setparams((16, 2, 8_000, 0, "NONE", ""))
        many.writeframes(bytes(2 * 16 * 100))
    with pytest.raises(CheckFailed, match="16 channels"):
        list(parts_from_file(tmp_path / "b.wav"))


def _verdict(file: Path, program: str | None, limits: Limits | None = None) -> Verdict:
    ears = {} if program is None else {"voice": (sys.executable, "-c", program)}
    looks = Looks((), {}, limits or Limits(), ears)
    try:
        moderation = OutputModeration(registry(entity("Robo")), looks)
        return moderation.examine(CLIP, 2, ASKED, file=file).verdict
    finally:
        looks.close()


@pytest.mark.parametrize(
    ("pitch", "action", "rule", "matched"),
    [
        (300, Action.ALLOW, "default-allow", None),
        (440, Action.REVIEW, "sound-finding", "0.0 s: voice siren"),
        (880, Action.REVIEW, "spoken-name", "Robo"),
    ],
)
def test_shipped_policy_for_what_is_heard(
    tmp_path: Path, pitch: float, action: Action, rule: str, matched: str | None
) -> None:
    verdict = _verdict(write_sound(tmp_path / "a.mp4", tone(pitch, 1)), LISTENER)

    assert (verdict.action, verdict.rule) == (action, rule)
    assert [each.matched for each in verdict.findings] == ([matched] if matched else [])


def test_sound_that_nobody_hears_is_held(tmp_path: Path) -> None:
    verdict = _verdict(write_sound(tmp_path / "a.mp4", tone(440, 1)), None)

    assert (verdict.action, verdict.reason_code) == (Action.REVIEW, "unheard_sound")
    assert "no check listens" in verdict.message


def test_policy_without_a_word_about_sound_blocks_it(tmp_path: Path) -> None:
    policy = policy_from_yaml(
        b"version: old\nrules: [{name: all, action: block, reason_code: blocked}]\n"
        b"output_rules: [{name: face, action: block, reason_code: face, checks: [any-face]}]\n",
        source="test",
    )
    looks = Looks((), {}, Limits())
    file = write_sound(tmp_path / "a.mp4", tone(440, 1))

    verdict = OutputModeration(registry(), looks, policy).examine(CLIP, 2, ASKED, file=file).verdict

    assert verdict.action is Action.BLOCK
    with pytest.raises(PolicyError, match="a mask needs checks that see where"):
        policy_from_yaml(
            b"version: m\nrules: [{name: all, action: block, reason_code: blocked}]\n"
            b"output_rules: [{name: s, action: mask, reason_code: s, checks: [sound]}]\n",
            source="test",
        )


@pytest.mark.parametrize("fault", [*FAULTS, "hears where nothing was"])
def test_listener_without_an_answer_blocks(tmp_path: Path, fault: str) -> None:
    late = (
        'print(\'{"sounds": [{"start_s": 9, "end_s": 9, "score": 1, "label": "x"}]}\', flush=True)'
    )
    body = FAULTS.get(fault, late)
    program = f"import os, signal, sys, time\nfor line in sys.stdin:\n    {body}\n"
    limits = Limits(timeout_s=0.5, start_s=0.5, memory_bytes=1024**3)

    verdict = _verdict(write_sound(tmp_path / "a.mp4", tone(440, 1)), program, limits)

    assert (verdict.action, verdict.rule) == (Action.BLOCK, "check-failed")
    assert "'voice'" in verdict.message


def test_damaged_sound_blocks_and_the_verdict_says_sound(tmp_path: Path) -> None:
    file = _cut(write_sound(tmp_path / "a.mkv", tone(440, 2), "flac"))

    verdict = _verdict(file, LISTENER)

    assert (verdict.action, verdict.rule) == (Action.BLOCK, "check-failed")
    assert "'sound'" in verdict.message


def test_evidence_keeps_what_was_heard_and_that_nothing_was(tmp_path: Path) -> None:
    file = write_sound(tmp_path / "a.mp4", tone(440, 1))
    looks = Looks((), {}, Limits(), {"voice": (sys.executable, "-c", LISTENER)})
    try:
        heard = OutputModeration(registry(), looks).examine(CLIP, 2, ASKED, file=file)
    finally:
        looks.close()
    unheard = OutputModeration(registry(), looks=Looks((), {}, Limits())).examine(
        CLIP, 2, ASKED, file=file
    )

    evidence = evidence_from_rounds([heard])
    assert evidence is not None
    assert [(each.label, each.start_s, each.rule) for each in evidence.heard] == [
        ("siren", 0, "sound-finding")
    ]
    nothing = evidence_from_rounds([unheard])
    assert nothing is not None
    assert (nothing.is_about_sound, nothing.heard, nothing.shown) == (True, (), ())
