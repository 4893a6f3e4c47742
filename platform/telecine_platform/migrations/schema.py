"""Every table of the database. Whoever adds a module with tables names it here."""

from __future__ import annotations

from telecine_platform.clips import tables as _clips
from telecine_platform.evidence import tables as _evidence
from telecine_platform.halts import tables as _halts
from telecine_platform.jobs.tables import metadata
from telecine_platform.ledger import tables as _ledger
from telecine_platform.rights import tables as _rights
from telecine_platform.takedowns import tables as _takedowns
from telecine_platform.webhooks import tables as _webhooks

__all__ = ["metadata"]
# They were imported so that their tables join the metadata.
del _clips, _evidence, _halts, _ledger, _rights, _takedowns, _webhooks
