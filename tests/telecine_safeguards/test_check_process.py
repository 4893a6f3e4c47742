"""A check that is killed, hangs, raises, lies or eats the memory gives no answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import psutil
import pytest

from telecine_safeguards.errors import CheckFailed, PolicyError
from telecine_safeguards.output.looks import OWN_CHECKS, Looks, plugins_from_words
from telecine_safeguards.output.moderate import OutputModeration
from telecine_safeguards.output.process import CheckProcess, Limits, own_command
from telecine_safeguards.output.sample import sample_clip
from telecine_safeguards.prompt.judge import Judge
from telecine_safeguards.prompt.screen import PromptScreen
from telecine_safeguards.verdict import Action
from tests.telecine_safeguards.fake_looks import ASKED
from tests.telecine_safeguards.registries import entity, registry

CLIP = np.zeros((3, 16, 16, 3), np.uint8)
SAMPLE = sample_clip(CLIP, 2)
FINE = "print('{\"sightings\": []}', flush=True)"
FAULTS = {
    "exits": "sys.exit(1)",
    "is killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "crashes": "os.kill(os.getpid(), signal.SIGSEGV)",
    "hangs": "time.sleep(600)",
    "half an answer": "print('{\"sight', end='', flush=True); time.sleep(600)",
    "raises": "raise RuntimeError('secret')",
    "eats memory": "hoard = bytearray(2 * 1024**3); " + FINE,
    "talks without end": "[print('x' * 65536, end='') for _ in range(1000)]; time.sleep(600)",
    "lies": 'print(\'{"sightings": [{"frame": 99, "score": 1, "label": "x"}]}\', flush=True)',
    "says something else": "print('all is well', flush=True)",
}


def _command(body: str) -> tuple[str, ...]:
    program = f"import os, signal, sys, time\nfor line in sys.stdin:\n    {body}\n"
    return (sys.executable, "-c", program)


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_check_blocks_the_clip_and_the_next_one_gets_a_new_process(fault: str) -> None:
    limits = Limits(timeout_s=2, start_s=1, memory_bytes=1024**3)
    looks = Looks((), {"logo": _command(FAULTS[fault])}, limits)
    (process,) = looks.processes
    moderation = OutputModeration(registry(entity("Robo")), looks)
    first = process.pid
    try:
        verdict = moderation.moderate(CLIP, 2, ASKED)

        assert (verdict.action, verdict.rule) == (Action.BLOCK, "check-failed")
        assert "'logo'" in verdict.message
        assert "secret" not in verdict.message
        assert process.pid is None
        assert first is not None
        assert not psutil.pid_exists(first)
    finally:
        looks.close()


def test_check_that_answers_lets_the_clip_pass() -> None:
    looks = Looks((), {"logo": _command(FINE)}, Limits())
    try:
        verdict = OutputModeration(registry(entity("Robo")), looks).moderate(CLIP, 2, ASKED)
        assert verdict.action is Action.ALLOW
    finally:
        looks.close()


def test_plugin_does_not_see_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELECINE_DATABASE_URL", "postgresql://user:secret@host/db")
    body = "os._exit(0) if 'TELECINE_DATABASE_URL' in os.environ else " + FINE
    process = CheckProcess(("logo",), _command(body), Limits())
    try:
        assert process.look("logo", SAMPLE) == ()
    finally:
        process.close()


def test_command_that_does_not_exist_is_a_failed_check() -> None:
    with pytest.raises(CheckFailed, match="cannot be started"):
        Looks((), {"logo": ("/nowhere/at/all",)}, Limits())


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_check_that_stands_still_does_not_outlive_its_replica() -> None:
    stopped = "os.kill(os.getpid(), signal.SIGSTOP)"
    program = (
        "import sys, time\n"
        "from telecine_safeguards.output.process import CheckProcess, Limits\n"
        f"check = CheckProcess(('logo',), {_command(stopped)!r}, Limits())\n"
        "check._process.stdin.write(b'{}\\n')\n"
        "print(check.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as replica:
        assert replica.stdout is not None
        check = psutil.Process(int(replica.stdout.readline()))
        _until(lambda: check.status() == psutil.STATUS_STOPPED)

        replica.kill()

        _until(lambda: not check.is_running() or check.status() == psutil.STATUS_ZOMBIE)


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_own_checks_answer_from_their_process_and_come_back_after_a_kill_and_a_hang() -> None:
    process = CheckProcess(OWN_CHECKS, own_command(OWN_CHECKS), Limits())
    try:
        answers = {check: process.look(check, SAMPLE) for check in OWN_CHECKS}
        assert [len(answers[check]) for check in OWN_CHECKS] == [3, 0, 0]
        assert process.pid is not None

        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(CheckFailed, match="nudity"):
            process.look("nudity", SAMPLE)
        assert len(process.look("nudity", SAMPLE)) == 3

        os.kill(process.pid, signal.SIGSTOP)
        hung, started = process.pid, time.monotonic()
        process._limits = Limits(timeout_s=1)
        with pytest.raises(CheckFailed, match="no answer within 1 s"):
            process.look("text", SAMPLE)
        assert time.monotonic() - started < 30
        assert not psutil.pid_exists(hung)
    finally:
        process.close()


def test_plugins_are_read_from_words() -> None:
    assert plugins_from_words("logo=/opt/logo --fast 'a b'; voice=/opt/voice") == {
        "logo": ("/opt/logo", "--fast", "a b"),
        "voice": ("/opt/voice",),
    }
    for wrong in ("logo", "logo=", "=x", "Logo=x", "nudity=x", "a=x; a=y"):
        with pytest.raises(PolicyError, match="plug-in"):
            plugins_from_words(wrong)


def _judge(body: str) -> Judge:
    return Judge("guard", _command(body), Limits(timeout_s=2, start_s=1))


def test_plugged_in_judge_blocks_what_it_finds_and_only_that() -> None:
    body = (
        "import json; texts = json.loads(line)['texts']; print(json.dumps({'findings': ["
        "[{'label': 'spite', 'score': 0.9, 'matched': 'fie'}] if 'fie' in text else []"
        " for text in texts]}), flush=True)"
    )
    judge = _judge(body)
    screen = PromptScreen(registry(entity("Robo")), classifiers=[judge])
    try:
        verdicts = screen.screen_many([("a toy", ""), ("fie on you", "")])
    finally:
        judge.close()

    assert [each.action for each in verdicts] == [Action.ALLOW, Action.BLOCK]
    assert verdicts[1].reason_code == "harmful_content"
    assert "spite" in verdicts[1].message


@pytest.mark.parametrize(
    "body",
    [
        FAULTS["hangs"],
        FAULTS["is killed"],
        FAULTS["says something else"],
        "print('{\"findings\": []}', flush=True)",
        'print(\'{"error": "OutOfMemory"}\', flush=True)',
        'print(\'{"findings": [[{"label": "x", "score": 7}]]}\', flush=True)',
    ],
)
def test_judge_without_an_answer_blocks_the_prompt(body: str) -> None:
    judge = _judge(body)
    try:
        verdict = PromptScreen(registry(entity("Robo")), classifiers=[judge]).screen(
            prompt="a toy", negative_prompt=""
        )
    finally:
        judge.close()

    assert (verdict.action, verdict.rule) == (Action.BLOCK, "check-failed")
