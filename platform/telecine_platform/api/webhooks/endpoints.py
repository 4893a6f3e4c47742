"""`/v1/webhook_endpoints`: where a tenant wants its events, by the OpenAI SDK's calls."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool

from telecine_platform.api.bodies import fields_from_request, optional_fields_from_request
from telecine_platform.api.context import ApiContext, Context, Reader, Submitter
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.shapes import ID_PATTERN, PageQuery, body_from_fields, json_body
from telecine_platform.api.user_urls import check_user_url
from telecine_platform.api.webhooks.wire import (
    CreateEndpointBody,
    DeletedEndpoint,
    EndpointPage,
    EndpointView,
    EndpointWithSecret,
    RotateBody,
    SampleBody,
    SampleResult,
    UpdateEndpointBody,
    view_from_endpoint,
    view_with_secret,
)
from telecine_platform.errors import FetchFailed, FetchRefused, InvalidRequest
from telecine_platform.webhooks.deliver import sample_request

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/webhook_endpoints", tags=["webhooks"], responses=RESPONSES)

EndpointId = Annotated[str, Path(pattern=ID_PATTERN)]


@router.post(
    "",
    summary="Register an endpoint",
    openapi_extra=json_body(CreateEndpointBody.model_json_schema()),
)
async def create_endpoint(
    request: Request, context: Context, tenant_id: Submitter
) -> EndpointWithSecret:
    """From now on it gets the caller's events. The secret is shown here and never again."""
    body = body_from_fields(CreateEndpointBody, await fields_from_request(request))
    check_user_url(context, body.url, "url")

    def create() -> EndpointWithSecret:
        endpoint, secret = context.webhook_endpoints.create(
            tenant_id=tenant_id,
            name=body.name,
            url=body.url,
            event_types=body.event_types,
            now=context.now(),
        )
        return view_with_secret(endpoint, secret)

    view = await run_in_threadpool(create)
    logger.info("webhook endpoint", extra={"action": "webhook_endpoint_created"})
    return view


@router.get("", summary="List the endpoints")
def list_endpoints(
    context: Context, tenant_id: Reader, query: Annotated[PageQuery, Query()]
) -> EndpointPage:
    """One page of the caller's endpoints."""
    found, has_more = context.webhook_endpoints.list_endpoints(
        tenant_id, limit=query.limit, after=query.after
    )
    return EndpointPage(data=[view_from_endpoint(each) for each in found], has_more=has_more)


@router.get("/{endpoint_id}", summary="Look at an endpoint")
def get_endpoint(endpoint_id: EndpointId, context: Context, tenant_id: Reader) -> EndpointView:
    """One of the caller's endpoints."""
    return view_from_endpoint(context.webhook_endpoints.get(endpoint_id, tenant_id))


@router.post(
    "/{endpoint_id}",
    summary="Change an endpoint",
    openapi_extra=json_body(UpdateEndpointBody.model_json_schema()),
)
async def update_endpoint(
    endpoint_id: EndpointId, request: Request, context: Context, tenant_id: Submitter
) -> EndpointView:
    """Change what is given, and turn the endpoint on again if it was disabled."""
    body = body_from_fields(UpdateEndpointBody, await fields_from_request(request))
    if body.url is not None:
        check_user_url(context, body.url, "url")

    def update() -> EndpointView:
        endpoint = context.webhook_endpoints.update(
            endpoint_id,
            tenant_id,
            name=body.name,
            url=body.url,
            event_types=body.event_types,
            now=context.now(),
        )
        return view_from_endpoint(endpoint)

    return await run_in_threadpool(update)


@router.delete("/{endpoint_id}", summary="Delete an endpoint")
def delete_endpoint(
    endpoint_id: EndpointId, context: Context, tenant_id: Submitter
) -> DeletedEndpoint:
    """Nothing more is sent to it, not even what is on its way."""
    context.webhook_endpoints.delete(endpoint_id, tenant_id)
    return DeletedEndpoint(id=endpoint_id)


@router.post(
    "/{endpoint_id}/rotate_secret",
    summary="Rotate the secret",
    openapi_extra=json_body(RotateBody.model_json_schema()),
)
async def rotate_secret(
    endpoint_id: EndpointId, request: Request, context: Context, tenant_id: Submitter
) -> EndpointWithSecret:
    """A new secret, shown here and never again."""
    fields = await optional_fields_from_request(request)
    keep_old = body_from_fields(RotateBody, fields).keep_old_secret_active_for_24_hours

    def rotate() -> EndpointWithSecret:
        endpoint, secret = context.webhook_endpoints.rotate_secret(
            endpoint_id, tenant_id, keep_old=keep_old, now=context.now()
        )
        return view_with_secret(endpoint, secret)

    view = await run_in_threadpool(rotate)
    logger.info("webhook secret rotated", extra={"action": "webhook_secret_rotated"})
    return view


@router.post(
    "/{endpoint_id}/test",
    summary="Send a made-up event",
    openapi_extra=json_body(SampleBody.model_json_schema()),
)
async def test_endpoint(
    endpoint_id: EndpointId, request: Request, context: Context, tenant_id: Submitter
) -> SampleResult:
    """Signed like a real one, about a video that is none; sent at once, and once."""
    event_type = body_from_fields(SampleBody, await fields_from_request(request)).event_type
    url, secrets = await run_in_threadpool(_receiver, context, endpoint_id, tenant_id)
    try:
        answer = await context.fetcher.fetch(
            sample_request(url, secrets, event_type, tenant_id, context.now())
        )
    except (FetchRefused, FetchFailed) as error:
        raise InvalidRequest(f"the test was not delivered: {error}", code=error.code) from error
    return SampleResult(
        webhook_endpoint_id=endpoint_id, event_type=event_type, status_code=answer.status
    )


def _receiver(context: ApiContext, endpoint_id: str, tenant_id: str) -> tuple[str, list[str]]:
    return context.webhook_endpoints.receiver(endpoint_id, tenant_id, context.now())
