"""Writes data/pdq_golden.json with the reference PDQ. Not part of the test run: pdqhash ships no
wheels and needs a C++ compiler. The command stands in COMMAND, and in the file.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pdqhash  # type: ignore[import-not-found]

from tests.telecine_safeguards.pictures import picture

COMMAND = (
    "python3.11 -m venv pdq-venv && pdq-venv/bin/pip install pdqhash==0.2.8 numpy==2.4.6 && "
    "pdq-venv/bin/python -m tests.telecine_safeguards.make_pdq_golden"
)
SIZES_PX = [(64, 64), (64, 96), (96, 64), (37, 50), (129, 257), (512, 512), (360, 640)]
FORMULAS = ["waves", "shapes", "blurred_noise"]


def main() -> None:
    pictures = []
    for number, (height_px, width_px) in enumerate(SIZES_PX):
        for formula in FORMULAS:
            seed = 100 + number
            pixels = picture(formula, height_px, width_px, seed)
            bits, quality = pdqhash.compute(pixels)
            dihedral, _ = pdqhash.compute_dihedral(pixels)
            pictures.append(
                {
                    "formula": formula,
                    "height_px": height_px,
                    "width_px": width_px,
                    "seed": seed,
                    "hash": _hex(bits),
                    "quality": quality,
                    "dihedral_hashes": [_hex(each) for each in dihedral],
                }
            )
    target = Path(__file__).parent / "data" / "pdq_golden.json"
    target.write_text(json.dumps({"command": COMMAND, "pictures": pictures}, indent=1) + "\n")


def _hex(bits: np.ndarray) -> str:
    return np.packbits(bits.astype(np.uint8)).tobytes().hex()


if __name__ == "__main__":
    main()
