"""Whether the fingerprint finds a clip's record among many: `python -m loadtests.lookup --help`.

The record's clip has lost its manifest and has no mark, so the whole look-up runs and ends with the
fingerprint: what `telecine verify --look-up` and `POST /v1/provenance/lookup` do. Half of the files
are copies of released clips, altered as `moderation_alterations.py` does; the others were never
released. Records and files are made by code, and kept in a folder: short runs add up, first to the
records, then to a row for each file.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import faiss
import numpy as np
import sqlalchemy as sa

from loadtests.moderation_alterations import ALTERATIONS, altered
from loadtests.natural_clips import FPS, Frames, natural_clip
from loadtests.rows_file import Row, add_rows, read_rows
from loadtests.screening_score import Share
from loadtests.store_fill import fill
from telecine_platform.clips.lookup import FoundBy, ProvenanceLookup
from telecine_platform.clips.tables import released_clips
from telecine_platform.clock import utc_now
from telecine_platform.jobs.store import JobStore
from telecine_platform.jobs.tables import jobs
from telecine_platform.settings import Settings
from telecine_safeguards.output.fingerprint import fingerprint_from_sample
from telecine_safeguards.output.pdq import Words, bytes_from_words
from telecine_safeguards.output.sample import SAMPLES_PER_S, sample_clip
from telecine_serve.media.frames import write_lossless

_SECONDS = 2.0
_FIRST_OTHER_SEED = 10_000
_FIRST_STRANGER_SEED = 5_000_000
"""Far from the second scenes of `natural_clip`, which lie a million further on."""
_OTHER_PX = (108, 192)
_BATCH = 100
_RELEASED_SHARE = 0.95
"""`store_fill` blocks one job in twenty."""


def main() -> int:
    """Look up what the rows lack, and print the result of all of them."""
    arguments = _arguments()
    cv2.setNumThreads(1)
    faiss.omp_set_num_threads(1)
    rows = look_up_all(arguments.folder, arguments.records, arguments.files, for_s=arguments.for_s)
    print(json.dumps(result_from_rows(rows) or "more records are needed: run it again", indent=1))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("lookup"), help="records and rows")
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--files", type=int, default=40, help="copies, and as many strangers")
    parser.add_argument("--for-s", type=float, default=float("inf"), help="begin nothing later")
    return parser.parse_args()


def look_up_all(folder: Path, num_records: int, num_files: int, *, for_s: float) -> list[Row]:
    """The first `num_files` records' copies and as many strangers, a row each.

    Empty while the records are not complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(data_dir=folder)
    row_settings: Row = {"records": num_records, "copies": num_files}
    ends_s = time.monotonic() + for_s
    with closing(JobStore(settings.resolved_database_url)) as store:
        owners = _jobs_with_record(store, num_records, num_files, ends_s)
        if len(owners) < num_records:
            return []
        lookup = ProvenanceLookup(settings, store.database)
        rows_file = folder / "rows.jsonl"
        add_rows(
            rows_file, row_settings, range(2 * num_files),
            lambda number: _look_up(lookup, owners, number), for_s=ends_s - time.monotonic(),
        )  # fmt: skip
        return read_rows(rows_file, row_settings)


def result_from_rows(rows: list[Row]) -> Row:
    """Right records of the copies, any record of the strangers, and what a look-up takes."""
    if not rows:
        return {}
    copies = [row for row in rows if row["is_copy"]]
    strangers = [row for row in rows if not row["is_copy"]]
    return {
        "records": rows[0]["settings"]["records"],
        "right": Share(num=sum(row["is_right"] for row in copies), of=len(copies)).as_json(),
        "missed": [row["alteration"] for row in copies if row["found_by"] is None],
        "wrong": sum(row["found_by"] is not None and not row["is_right"] for row in copies),
        "strangers_found": Share(
            num=sum(row["found_by"] is not None for row in strangers), of=len(strangers)
        ).as_json(),
        "search_cpu_s": statistics.median(row["cpu_s"] for row in rows),
    }


def _look_up(lookup: ProvenanceLookup, owners: list[str], number: int) -> Row:
    """Even numbers are copies of the first records, odd ones strangers; all are altered."""
    position, is_stranger = divmod(number, 2)
    seed = _FIRST_STRANGER_SEED + position if is_stranger else position
    alteration = list(ALTERATIONS)[position % len(ALTERATIONS)]
    clip_THWC = altered(alteration, _released(seed), np.random.default_rng(seed))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "copy.mkv"
        write_lossless(file, clip_THWC, FPS)
        started_s = time.process_time()
        found = lookup.look_up(file)
        cpu_s = time.process_time() - started_s
    own = None if is_stranger else owners[position]
    return {
        "is_copy": not is_stranger,
        "alteration": alteration,
        "found_by": found.found_by,
        "is_right": found.found_by is FoundBy.FINGERPRINT
        and found.clip is not None
        and found.clip.job_id == own,
        "distance_bits": found.distance_bits,
        "cpu_s": cpu_s,
    }


def _jobs_with_record(
    store: JobStore, num_records: int, num_files: int, ends_s: float
) -> list[str]:
    """Make released jobs, and the record of each with a fingerprint of its own, until the time."""
    store.create_tables()
    released = _rows(store, sa.select(jobs.c.id, jobs.c.epoch).where(jobs.c.clip.is_not(None)))
    if not released:
        fill(store, int(num_records / _RELEASED_SHARE) + 2, 0, utc_now())
        return _jobs_with_record(store, num_records, num_files, ends_s)
    known = len(_rows(store, sa.select(released_clips.c.job_id)))
    for start in range(known, num_records, _BATCH):
        if time.monotonic() >= ends_s:
            return [job.id for job in released[:start]]
        records = [
            {
                "job_id": released[number].id,
                "epoch": released[number].epoch,
                "hashes": bytes_from_words(_fingerprint(number, num_files)),
                "released_at": utc_now(),
            }
            for number in range(start, min(start + _BATCH, num_records))
        ]
        with store.database.write() as connection:
            connection.execute(sa.insert(released_clips), records)
    return [job.id for job in released[:num_records]]


def _rows(store: JobStore, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:  # Any: any columns
    """In the order of the jobs' ids."""
    with store.database.read() as connection:
        return connection.execute(query.order_by(query.selected_columns[0])).all()


def _fingerprint(number: int, num_files: int) -> Words:
    """Of one of the clips that copies are made of, or of a small one with sampled frames only."""
    if number < num_files:
        return fingerprint_from_sample(sample_clip(_released(number), FPS))
    seed = _FIRST_OTHER_SEED + number
    clip = natural_clip(seed, seconds=_SECONDS, size_px=_OTHER_PX, fps=SAMPLES_PER_S)
    return fingerprint_from_sample(sample_clip(clip, SAMPLES_PER_S))


def _released(seed: int) -> Frames:
    return natural_clip(seed, seconds=_SECONDS)


if __name__ == "__main__":
    raise SystemExit(main())
