"""The fingerprint finds copies that plain PDQ misses, and no others; the index finds near ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from telecine_safeguards.output.copies import MAX_DISTANCE_BITS, Copies
from telecine_safeguards.output.fingerprint import fingerprint_from_sample, query_from_sample
from telecine_safeguards.output.hash_index import FLAT_MAX, HashIndex
from telecine_safeguards.output.pdq import Words, distances, pdq_from_picture
from telecine_safeguards.output.sample import Sample, sample_clip
from telecine_safeguards.output.windows import without_bars
from tests.telecine_safeguards.pictures import Picture, picture

HEIGHT_PX, WIDTH_PX = 180, 320
CLIP = np.stack([picture("shapes", HEIGHT_PX, WIDTH_PX, seed) for seed in range(3)])


def _sample(frames_THWC: np.ndarray) -> Sample:
    return sample_clip(np.ascontiguousarray(frames_THWC), fps=2)


def _turned(frame: Picture, angle_deg: float) -> Picture:
    matrix = cv2.getRotationMatrix2D((WIDTH_PX / 2, HEIGHT_PX / 2), angle_deg, 1)
    return np.asarray(cv2.warpAffine(frame, matrix, (WIDTH_PX, HEIGHT_PX)), np.uint8)


def _captioned(frame: Picture) -> Picture:
    drawn = frame.copy()
    drawn[HEIGHT_PX * 4 // 5 :] = 245
    cv2.putText(drawn, "MONDAY", (30, HEIGHT_PX - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (9, 9, 9), 2)
    return drawn


COPIES = {
    "crop 5 %": CLIP[:, 3:-6, 12:-4],
    "crop 10 %": CLIP[:, 4:-14, 10:-22],
    "crop 20 %": CLIP[:, 30:-6, 4:-60],
    "turned by 3": np.stack([_turned(frame, 3) for frame in CLIP]),
    "turned by -10": np.stack([_turned(frame, -10) for frame in CLIP]),
    "mirrored": CLIP[:, :, ::-1],
    "letterbox": np.pad(CLIP, ((0, 0), (30, 30), (0, 0), (0, 0))),
    "captioned": np.stack([_captioned(frame) for frame in CLIP]),
    "mirrored crop in a letterbox": np.pad(
        CLIP[:, 8:-8, 14:-14][:, :, ::-1], ((0, 0), (30, 30), (0, 0), (0, 0))
    ),
}


@pytest.fixture(scope="module")
def bank() -> Copies:
    others = [np.stack([picture("waves", HEIGHT_PX, WIDTH_PX, seed)] * 3) for seed in range(5)]
    return Copies([fingerprint_from_sample(_sample(each)) for each in (*others, CLIP)])


@pytest.mark.parametrize("name", COPIES)
def test_altered_copy_is_found(bank: Copies, name: str) -> None:
    (copy,) = bank.find(query_from_sample(_sample(COPIES[name])))

    assert (copy.owner, copy.num_frames) == (5, 3)


@pytest.mark.parametrize("name", ["crop 10 %", "turned by -10", "mirrored", "letterbox"])
def test_plain_pdq_misses_what_the_windows_find(name: str) -> None:
    plain = pdq_from_picture(CLIP[0]).words[:1]
    copy = pdq_from_picture(np.ascontiguousarray(COPIES[name][0])).words[:1]

    assert distances(plain, copy).item() > MAX_DISTANCE_BITS


def test_other_clips_are_not_copies(bank: Copies) -> None:
    other = np.stack([picture("blurred_noise", HEIGHT_PX, WIDTH_PX, seed) for seed in range(3)])

    assert bank.find(query_from_sample(_sample(other))) == ()


def test_nothing_is_found_in_an_empty_bank() -> None:
    assert Copies([]).find(query_from_sample(_sample(CLIP))) == ()


def test_first_hash_of_a_frame_is_its_pdq_hash() -> None:
    kept = fingerprint_from_sample(_sample(CLIP[:1]))

    assert np.array_equal(kept[:1], pdq_from_picture(CLIP[0]).words[:1])


def test_bars_are_cut_off_and_a_flat_picture_stays_whole() -> None:
    frame = CLIP[0]
    barred = np.pad(frame, ((20, 10), (7, 0), (0, 0)), constant_values=255)

    assert without_bars(barred).shape == frame.shape
    assert without_bars(np.zeros((8, 9, 3), np.uint8)).shape == (8, 9, 3)


@pytest.mark.parametrize("num_hashes", [100, FLAT_MAX + 1], ids=["compared", "in lists"])
def test_index_finds_near_hashes_and_their_distance(num_hashes: int) -> None:
    random = np.random.default_rng(4)
    bank: Words = random.integers(0, 2**63, (num_hashes, 4), dtype=np.uint64)
    near = bank[:50].copy()
    near[:, 2] ^= np.uint64(0b10110)

    hits = HashIndex(bank).search(near, 3)

    assert hits.rows.tolist() == hits.found.tolist() == list(range(50))
    assert set(hits.distances_bits.tolist()) == {3}
