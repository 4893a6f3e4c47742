"""Answers `/v1/screenings` with the screen that the jobs meet, on a thread beside their loop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from telecine_platform.errors import TelecineError
from telecine_platform.jobs.previews import Previews
from telecine_platform.rights.screening import Screen

logger = logging.getLogger(__name__)


class PreviewAnswers:
    """Works until closed. A preview that it loses to an error is one that nobody answers: the
    caller is told what was not asked."""

    def __init__(
        self,
        previews: Previews,
        current_screen: Callable[[], Screen],
        poll_s: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._previews = previews
        self._current_screen = current_screen
        self._poll_s = poll_s
        self._clock = clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="previews", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                was_busy = self._answer_one()
            except TelecineError as error:
                logger.warning(str(error), extra={"action": "preview"})
                was_busy = False
            if not was_busy:
                self._stopping.wait(self._poll_s)

    def _answer_one(self) -> bool:
        taken = self._previews.take(self._clock())
        if taken is None:
            return False
        preview_id, preview = taken
        verdict = self._current_screen().screen(
            prompt=preview.prompt,
            negative_prompt=preview.negative_prompt,
            tenant_id=preview.tenant_id,
            region=preview.region,
            use=preview.use,
            now=self._clock(),
        )
        self._previews.answer(preview_id, verdict)
        return True
