"""From boxes in the frames that were looked at to boxes in every frame of the clip. Pure.

Boxes of neighbouring looked-at frames that touch, or nearly, are one track. Between two of them the
edges move evenly. Before the first and after the last one, up to the next frame in which the check
looked and saw nothing, the thing may stand still or move on: the box spans both. Invariant: a frame
with a sighting is covered there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from telecine_safeguards.output.sightings import Box, Sighting

_PAD_SHARE: Final = 0.15
"""Of the longer side, on each edge: detectors cut hair and the edges of letters."""
_MAX_MISSED: Final = 2
"""Looked-at frames in which a detector may lose a thing that goes on."""

BoxesByFrame = list[list[Box]]
_Track = list[tuple[int, Box]]


def boxes_by_frame(
    sightings: Sequence[Sighting],
    looked_at: Sequence[int],
    *,
    num_frames: int,
    height_px: int,
    width_px: int,
) -> BoxesByFrame:
    """The padded boxes to cover in each frame; sightings of whole frames have none.

    `looked_at`: the frames' numbers in which the check looked, ascending.
    """
    boxes: BoxesByFrame = [[] for _ in range(num_frames)]
    for track in _tracks(sightings, looked_at):
        first, last = track[0][0], track[-1][0]
        start = max((each + 1 for each in looked_at if each < first), default=0)
        end = min((each for each in looked_at if each > last), default=num_frames)
        for frame in range(start, end):
            box = _padded(_box_at(track, frame), height_px, width_px)
            if box is not None:
                boxes[frame].append(box)
    return boxes


def _tracks(sightings: Sequence[Sighting], looked_at: Sequence[int]) -> list[_Track]:
    place = {frame: position for position, frame in enumerate(looked_at)}
    tracks: list[_Track] = []
    for frame in looked_at:
        for sighting in sightings:
            if sighting.frame != frame or sighting.box is None:
                continue
            open_tracks = [
                track
                for track in tracks
                if track[-1][0] < frame
                and place[frame] - place[track[-1][0]] <= _MAX_MISSED + 1
                and _gap_px(track[-1][1], sighting.box) <= _longer_side(sighting.box)
            ]
            if open_tracks:
                min(open_tracks, key=lambda each: _gap_px(each[-1][1], sighting.box)).append(
                    (frame, sighting.box)
                )
            else:
                tracks.append([(frame, sighting.box)])
    return tracks


def _box_at(track: _Track, frame: int) -> tuple[float, float, float, float]:
    before = [knot for knot in track if knot[0] <= frame]
    after = [knot for knot in track if knot[0] >= frame]
    if before and after:
        return _between(before[-1], after[0], frame)
    nearest, next_one = (track[0], track[:2][-1]) if after else (track[-1], track[-2:][0])
    held, moved = nearest[1], _between(nearest, next_one, frame)
    return (
        min(held[0], moved[0]),
        min(held[1], moved[1]),
        max(held[2], moved[2]),
        max(held[3], moved[3]),
    )


def _between(
    one: tuple[int, Box], other: tuple[int, Box], frame: int
) -> tuple[float, float, float, float]:
    """On the line through both, also outside of them; one knot alone stands still."""
    span = other[0] - one[0]
    share = (frame - one[0]) / span if span else 0.0
    left, top, right, bottom = (a + (b - a) * share for a, b in zip(one[1], other[1], strict=True))
    return left, top, right, bottom


def _padded(box: tuple[float, float, float, float], height_px: int, width_px: int) -> Box | None:
    """Clipped to the frame; None: nothing of it is in the frame."""
    left, top, right, bottom = box
    pad = _PAD_SHARE * max(right - left, bottom - top)
    edges = (
        max(0, math.floor(left - pad)),
        max(0, math.floor(top - pad)),
        min(width_px, math.ceil(right + pad)),
        min(height_px, math.ceil(bottom + pad)),
    )
    return edges if edges[0] < edges[2] and edges[1] < edges[3] else None


def _gap_px(one: Box, other: Box | None) -> float:
    """Between the centres."""
    if other is None:
        return math.inf
    return math.hypot(
        (one[0] + one[2] - other[0] - other[2]) / 2, (one[1] + one[3] - other[1] - other[3]) / 2
    )


def _longer_side(box: Box) -> int:
    return max(box[2] - box[0], box[3] - box[1])
