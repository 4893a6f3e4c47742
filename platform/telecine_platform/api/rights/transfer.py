"""`/v1/rights/export` and `/v1/rights/import`: the registry as one signed file."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from telecine_platform.access.callers import Caller
from telecine_platform.api.context import AdminCaller, ApiContext, Context
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.rights.entities import change_by
from telecine_platform.errors import InvalidRequest, SettingsError
from telecine_platform.rights.transfer import export_signed, import_signed

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/rights", tags=["rights"], responses=RESPONSES)

JSON_LINES = "application/jsonl"


class Imported(BaseModel):
    """The version that the import made."""

    registry_version: str
    num_changed: int


@router.get(
    "/export",
    summary="Export the registry",
    response_class=Response,
    responses={200: {"description": "Signed JSON Lines.", "content": {JSON_LINES: {}}}},
)
def export_rights(context: Context, _caller: AdminCaller) -> Response:
    """Everything on record, signed with this installation's key."""
    try:
        content = export_signed(context.rights, context.settings.registry_private_key_file)
    except SettingsError as error:
        raise InvalidRequest(str(error), code=error.code) from error
    return Response(
        content,
        media_type=JSON_LINES,
        headers={"content-disposition": 'attachment; filename="registry.jsonl"'},
    )


@router.post(
    "/import",
    summary="Import a registry",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {JSON_LINES: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def import_rights(request: Request, context: Context, caller: AdminCaller) -> Imported:
    """Take a file that the trusted key has signed, whole or not at all. In force within seconds."""
    content = await request.body()
    return await run_in_threadpool(_import, content, context, caller)


def _import(content: bytes, context: ApiContext, caller: Caller) -> Imported:
    key_file = context.settings.registry_public_key_file
    change = change_by(caller, context)
    try:
        version, num_changed = import_signed(context.rights, content, key_file, change)
    except SettingsError as error:
        raise InvalidRequest(str(error), code=error.code) from error
    logger.info(
        "registry imported",
        extra={"action": "registry_imported", "version": version.name, "who": caller.tenant_id},
    )
    return Imported(registry_version=version.name, num_changed=num_changed)
