"""What a task's callback URL is told: the task, as `GET …/tasks/{id}` shows it at that moment."""

from __future__ import annotations

from telecine_platform.api.ark.links import task_with_links
from telecine_platform.api.context import ApiContext
from telecine_platform.errors import NotFound
from telecine_platform.webhooks.deliver import Callback


def callback_from_context(context: ApiContext, base_url: str) -> Callback:
    """For the deliverer: a job's callback URL and the body to send there."""

    def callback(job_id: str, tenant_id: str) -> tuple[str, bytes]:
        job = context.jobs.get(job_id, tenant_id)
        if job.terms.callback_url is None:
            raise NotFound(f"job {job_id} has no callback URL")
        task = task_with_links(job, context, base_url)
        return job.terms.callback_url, task.model_dump_json().encode()

    return callback
