"""Reads what is written in the frames, for the name matcher of the prompt screen.

PP-OCR by rapidocr, whose weights lie in the package. It is the dearest check, so it reads two of
the sampled frames, of a clip over four seconds four: a name that shows for a moment can be missed.
"""

from __future__ import annotations

from importlib import resources
from typing import Final

import numpy as np

from telecine_safeguards.output.sample import Sample
from telecine_safeguards.output.sightings import Sighting
from telecine_safeguards.output.weights import checked_weights

MAX_FRAMES: Final = 4
MAX_SHORT_FRAMES: Final = 2
_SHORT: Final = 9
"""Sampled frames of a clip of four seconds."""
MIN_SCORE: Final = 0.6
"""Below this the letters are mostly wrong, and the matcher forgives much already."""
_SHA256: Final = {
    "PP-OCRv6_det_small.onnx": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    "PP-OCRv6_rec_small.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
}


class TextLook:
    """The reader on one thread; 0.2 to 0.7 s a frame."""

    def __init__(self) -> None:
        from rapidocr import RapidOCR

        folder = resources.files("rapidocr").joinpath("models")
        det, rec = (checked_weights(str(folder / name), sha) for name, sha in _SHA256.items())
        self._reader = RapidOCR(
            params={
                "Det.model_path": det,
                "Rec.model_path": rec,
                "Global.use_cls": False,  # no text upside down; its model is one more to load
                "Global.log_level": "critical",
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )

    def look(self, sample: Sample) -> tuple[Sighting, ...]:
        sightings = []
        for position in frames_to_read(len(sample.frame_numbers)):
            frame_HWC = np.ascontiguousarray(sample.frames_THWC[position][..., ::-1])
            read = self._reader(frame_HWC)
            if read.txts is None:
                continue
            for corners, text, score in zip(read.boxes, read.txts, read.scores, strict=True):
                (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
                if score >= MIN_SCORE and text.strip():
                    sightings.append(
                        Sighting(
                            frame=sample.frame_numbers[position],
                            score=min(1.0, float(score)),
                            label="text",
                            text=text.strip(),
                            box=(int(left), int(top), int(right) + 1, int(bottom) + 1),
                        )
                    )
        return tuple(sightings)


def frames_to_read(num_frames: int) -> tuple[int, ...]:
    """Positions of two or four sampled frames, spread evenly, the last among them."""
    count = min(num_frames, MAX_SHORT_FRAMES if num_frames <= _SHORT else MAX_FRAMES)
    return tuple(sorted({(number + 1) * num_frames // count - 1 for number in range(count)}))
