"""Seals and signs from a thread of the API process: such processes always run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from telecine_platform.clock import utc_now
from telecine_platform.errors import TelecineError
from telecine_platform.jobs.database import Database
from telecine_platform.jobs.turns import take_turn
from telecine_platform.ledger.heads import SignedHeads, anchor
from telecine_platform.ledger.keys import signing_key, trusted_keys
from telecine_platform.ledger.seal import SEAL_S, seal_due
from telecine_platform.ledger.store import Ledger
from telecine_platform.settings import Settings
from telecine_platform.storage.store import BlobStore
from telecine_safeguards.errors import LedgerError

logger = logging.getLogger(__name__)

_TURN = "ledger head"


class Sealer:
    """Works until `close`. What it cannot do now is done by the next round, here or elsewhere."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        settings: Settings,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """Raises `SettingsError` for a key that cannot be used: better now than never signed."""
        self._database = database
        self._heads = SignedHeads(blobs)
        self._ledger = Ledger(database)
        self._key: Ed25519PrivateKey | None = signing_key(settings)
        self._trusted: list[Ed25519PublicKey] = trusted_keys(settings)
        self._head_s = settings.ledger_head_s
        self._clock = clock
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        if self._key is None:
            logger.warning(
                "the ledger's heads are not signed: set ledger_private_key_file",
                extra={"action": "ledger_unsigned"},
            )

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def round(self) -> None:
        """Seal what waits; sign the end when that is due."""
        now = self._clock()
        seal_due(self._database, now)
        if self._key is not None and take_turn(self._database, _TURN, self._head_s, now):
            anchor(self._ledger, self._heads, self._key, self._trusted, now)

    def _run(self) -> None:
        while not self._ended.wait(SEAL_S):
            try:
                self.round()
            except LedgerError as error:  # somebody changed it: a person has to look
                logger.error(str(error), extra={"action": "ledger_broken"})
            except TelecineError as error:
                logger.warning(str(error), extra={"action": "ledger_waits"})
            except Exception:  # a thread's edge: the events wait in the outbox
                logger.exception("the ledger waits", extra={"action": "ledger_waits"})
