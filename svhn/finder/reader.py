"""Looks again, after a removal: can the digits of a number still be found?"""

from collections.abc import Sequence

import numpy as np

from svhn.boxes import Box, overlaps
from svhn.finder.candidates import Candidates
from svhn.finder.finder import Finder

# What is found with more than this intersection over union is read in a given box.
READ_OVERLAP = 0.3


class FinderReader:
    """Looks whether the digits of a number can still be found: a `Reader` of `svhn.torch_inpaint.removal`.

    Parameters
    ----------
    finder : Finder
    """

    def __init__(self, finder: Finder):
        self.finder = finder

    def __call__(self, image: np.ndarray, boxes: Sequence[Box]) -> tuple[np.ndarray, np.ndarray]:
        """Return the surest answer of all looks for each of N boxes.

        Parameters
        ----------
        image : ndarray (H, W, 3) uint8, RGB
        boxes : sequence of Box
            The digits of one number, inside the image.

        Returns
        -------
        labels : ndarray (N,) int64, 0..9
        confidences : ndarray (N,) float32, 0..1
            0 where nothing is found.
        """
        found = Candidates.join(self.finder.look(image, boxes, self.finder.config.read_heights))
        labels, confidences = np.zeros(len(boxes), int), np.zeros(len(boxes), np.float32)
        if len(found.presence):
            sure = found.presence * found.probabilities.max(axis=1)
            for i, box in enumerate(boxes):
                shared = np.where(overlaps(np.array(box.as_list()), found.boxes)[0] > READ_OVERLAP, sure, 0)
                best = shared.argmax()
                labels[i], confidences[i] = found.probabilities[best].argmax() if shared[best] else 0, shared[best]
        return labels, confidences
