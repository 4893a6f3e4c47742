"""A client of the chaos run: asks until it is answered, and never believes two ends of one job."""

from __future__ import annotations

import random
import threading
import time

import httpx

from loadtests.chaos_stage import FORBIDDEN

FINAL = ("completed", "failed")
MAX_OPEN = 8
"""Jobs that a client has under way at once, as far as it knows: the rest of a run stays short."""
_PAUSE_S = 0.3
_ANSWER_WITHIN_S = 90.0


class Client:
    """Submits and polls in one thread until `stop`. What it saw is read after `run` has ended."""

    def __init__(self, url: str, seed: int, number: int) -> None:
        self._chance = random.Random(f"{seed} {number}")
        self._number = number
        self._http = httpx.Client(base_url=url, timeout=10, trust_env=False)
        self._stopping = threading.Event()
        self.accepted: dict[str, str] = {}
        """Job id -> the Idempotency-Key that made it."""
        self.ends: dict[str, str] = {}
        """Job id -> the final state that was seen first."""
        self.faults: list[str] = []
        self.num_repeated_creates = 0

    def stop(self) -> None:
        """End after the create that is under way: it is either answered or a fault."""
        self._stopping.set()

    def run(self) -> None:
        with self._http:
            while not self._stopping.is_set():
                if len(self.accepted) - len(self.ends) < MAX_OPEN:
                    self._create(f"key-{self._number}-{len(self.accepted)}")
                self._poll_one()
                self._stopping.wait(self._chance.uniform(0, _PAUSE_S))

    def _create(self, key: str) -> None:
        subject = FORBIDDEN if self._chance.random() < 0.1 else "red fox"
        body = {"prompt": f"a {subject}", "seed": len(self.accepted)}
        deadline = time.monotonic() + _ANSWER_WITHIN_S
        while time.monotonic() < deadline:
            try:
                answer = self._http.post("/v1/videos", json=body, headers={"idempotency-key": key})
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == 200:
                self._keep(answer.json()["id"], key)
                return
            if answer is not None and answer.status_code != 503:
                self.faults.append(f"create {key}: {answer.status_code} {answer.text[:200]}")
                return
            self.num_repeated_creates += 1
            time.sleep(0.2)
        self.faults.append(f"create {key}: no answer within {_ANSWER_WITHIN_S:g} s")

    def _keep(self, job_id: str, key: str) -> None:
        if job_id in self.accepted:
            self.faults.append(f"{job_id} was given for two keys: {self.accepted[job_id]}, {key}")
        self.accepted[job_id] = key

    def _poll_one(self) -> None:
        if not self.accepted:
            return
        unfinished = [job_id for job_id in self.accepted if job_id not in self.ends]
        among = unfinished if unfinished and self._chance.random() < 0.8 else list(self.accepted)
        job_id = self._chance.choice(among)
        try:
            answer = self._http.get(f"/v1/videos/{job_id}")
        except httpx.TransportError:
            return
        if answer.status_code == 503:
            return
        if answer.status_code != 200:
            self.faults.append(f"{job_id} was accepted and is gone: {answer.status_code}")
            return
        status = answer.json()["status"]
        before = self.ends.setdefault(job_id, status) if status in FINAL else self.ends.get(job_id)
        if before is not None and before != status:
            self.faults.append(f"{job_id} was {before}, and then {status}")
