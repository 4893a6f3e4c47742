"""Takes turns at the takedowns' rounds, on a thread beside a moderation replica's loop."""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from telecine_platform.clock import utc_now
from telecine_platform.errors import NotFound, TelecineError
from telecine_platform.jobs.database import Database
from telecine_platform.jobs.turns import take_turn
from telecine_platform.settings import Settings
from telecine_platform.storage.store import BlobStore
from telecine_platform.takedowns.claims import Claims
from telecine_platform.takedowns.query import bytes_from_query
from telecine_platform.takedowns.rounds import ROUND_S, take_round
from telecine_safeguards.errors import UnreadableClip
from telecine_safeguards.output.fingerprint import fingerprint_from_sample, query_from_sample
from telecine_safeguards.output.pdq import bytes_from_words
from telecine_safeguards.output.sample import Sample
from telecine_safeguards.provenance.examine import Limits, examine

logger = logging.getLogger(__name__)

_TURN = "takedowns"


class TakedownDesk:
    """Works until closed; what one replica leaves, another one takes up."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        blobs: BlobStore,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings = settings
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._claims = Claims(database)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="takedowns", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()

    def round(self) -> int:
        """Look at one claim's media, then do what is due; returns how much moved."""
        self._study_next()
        return take_round(self._database, self._blobs, self._settings, self._clock())

    def _run(self) -> None:
        while not self._stopping.wait(ROUND_S):
            try:
                if not self._claims.are_any() or not take_turn(
                    self._database, _TURN, ROUND_S, self._clock()
                ):
                    continue
                while self.round() and not self._stopping.is_set():
                    pass  # there is more: batches are small
            except TelecineError as error:
                logger.warning(str(error), extra={"action": "takedowns_wait"})
            except Exception as error:  # a thread's edge; the text could quote a prompt
                logger.error(
                    "takedowns wait",
                    extra={"action": "takedowns_wait", "error_type": type(error).__name__},
                )

    def _study_next(self) -> None:
        claim = self._claims.next_to_study()
        if claim is None or claim.reference is None:
            return
        with tempfile.TemporaryDirectory(prefix="telecine-claim-") as folder:
            file = Path(folder) / "media"
            try:
                self._blobs.download(claim.reference, file)
                # By a process of its own: the file may be broken, huge or hostile.
                frames_THWC = examine(file, (), Limits()).frames_THWC
            except (UnreadableClip, NotFound) as error:
                self._claims.not_studied(claim, str(error))
                return
        sample = Sample(frames_THWC=frames_THWC, frame_numbers=tuple(range(len(frames_THWC))))
        words = fingerprint_from_sample(sample)
        if not len(words):
            flat = "the pictures have too little structure to be told from others"
            self._claims.not_studied(claim, flat)
            return
        hashes = tuple(bytes_from_words(row[None]).hex() for row in words)
        query = bytes_from_query(query_from_sample(sample))
        self._claims.studied(claim, hashes, query, self._clock())
        logger.info("media studied", extra={"action": "claim_studied", "claim_id": claim.id})
