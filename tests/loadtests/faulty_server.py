"""A server of the OpenAI Videos API that misbehaves where a prompt says so. It holds no clips."""

from __future__ import annotations

import itertools
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

Job = dict[str, Any]  # Any: JSON


class FaultyServer:
    """Prompts that hold `forget`, `stick`, `double`, `choke` or `refuse` get that treatment."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.num_looks = 0
        self._numbers = itertools.count(1)
        self.app = FastAPI()
        self.app.post("/v1/videos")(self.create)
        self.app.get("/v1/videos")(self.list)
        self.app.get("/v1/videos/{job_id}")(self.retrieve)

    async def create(self, request: Request) -> Response:
        body = await request.json()
        if "refuse" in body["prompt"]:
            return JSONResponse({"error": {"message": "no", "code": "too_busy"}}, 429)
        for _ in range(2 if "double" in body["prompt"] else 1):
            job = self.add(body["prompt"], body["seed"])
        if "choke" in body["prompt"]:
            return Response("not JSON", 200)
        return self._shown(job)

    async def retrieve(self, job_id: str) -> Response:
        self.num_looks += 1
        job = self.jobs[job_id]
        if "forget" in job["prompt"]:
            del self.jobs[job_id]
            return JSONResponse({"error": {"message": "gone", "code": "not_found"}}, 404)
        if "hiccup" in job["prompt"] and job["status"] == "queued":
            job["status"] = "in_progress"
            return JSONResponse({"error": {"message": "away"}}, 503, {"retry-after": "0.01"})
        if "stick" not in job["prompt"]:
            job["status"] = "completed"
        return self._shown(job)

    async def list(self, limit: int, after: str | None = None) -> Job:
        ids = sorted(self.jobs, reverse=True)
        rest = ids if after is None else ids[ids.index(after) + 1 :]
        return {
            "data": [self.jobs[job_id] for job_id in rest[:limit]],
            "has_more": len(rest) > limit,
        }

    def add(self, prompt: str, seed: int) -> Job:
        number = next(self._numbers)
        job_id = f"video_{number:06}"
        self.jobs[job_id] = {
            "id": job_id, "status": "queued", "created_at": number, "prompt": prompt, "seed": seed,
        }  # fmt: skip
        return self.jobs[job_id]

    @staticmethod
    def _shown(job: Job) -> Response:
        return JSONResponse(job, headers={"openai-poll-after-ms": "10"})
