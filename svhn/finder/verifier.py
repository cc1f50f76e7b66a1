"""Say of a place which digit it shows, or that it shows none: a letter, an ornament, hardware, a face, a wall."""

from pathlib import Path

import numpy as np

from svhn.alphabet import NUM_CLASSES
from svhn.finder.candidates import softmax
from svhn.finder.config import VERIFIER_VIEW
from svhn.finder.networks import OnnxNetwork
from svhn.finder.refiner import BATCH, crops_of, level_contrast

# The class of what is no digit.
NO_DIGIT = NUM_CLASSES


class Verifier:
    """Names places in photos of streets, "no digit" being one of the names. One object serves one thread.

    Parameters
    ----------
    path : Path
        Its network, `.onnx`.

    Raises
    ------
    InputError
        When it cannot be read, or its answers are no numbers.
    """

    def __init__(self, path: Path):
        self._net = OnnxNetwork(path, "train-verifier")
        side = VERIFIER_VIEW.size
        self.classes(np.zeros((1, side, side, 3), np.uint8))  # a network that gives no answer is told of now

    def __call__(self, photo: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Return the probabilities (N, 11) float32 of the labels 0..9 and of no digit, for each place.

        Parameters
        ----------
        photo : ndarray (H, W, 3) uint8, RGB
        boxes : ndarray (N, 4) float32
            Left, top, right, bottom.
        """
        parts = [self.classes(crops) for crops in crops_of(photo, boxes, VERIFIER_VIEW)]
        return np.concatenate([np.zeros((0, NUM_CLASSES + 1), np.float32), *parts])

    def classes(self, crops: np.ndarray) -> np.ndarray:
        """Return the probabilities (N, 11) float32 of crops (N, 64, 64, 3) uint8, RGB."""
        parts = []
        for start in range(0, len(crops), BATCH):
            batch = level_contrast(crops[start : start + BATCH])
            planes = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
            answer = self._net(planes, (len(batch), NUM_CLASSES + 1, 1, 1))
            parts.append(softmax(answer.reshape(len(batch), -1), 1))
        return np.concatenate(parts)
