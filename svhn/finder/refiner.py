"""Look once more at each place where a digit may be: is there one, which, and where exactly?

A small network judges one crop per place, at a size that does not depend on the digit's. Run by OpenCV.
"""

from pathlib import Path

import numpy as np

from svhn.finder.candidates import Judgement, softmax
from svhn.finder.config import View
from svhn.finder.halves import Halves
from svhn.finder.layout import LAYOUT
from svhn.finder.networks import OnnxNetwork

BATCH = 64
# A crop with less contrast than this standard deviation, in grey levels, is not stretched to full contrast.
LEAST_CONTRAST = 8.0


def window(box: np.ndarray, view: View) -> tuple[np.ndarray, float]:
    """Return the centre (x, y) and the side of the square that is looked at for a box (left, top, right, bottom)."""
    centre = (box[:2] + box[2:]) / 2
    return centre, view.context * float(max(box[2] - box[0], box[3] - box[1], 1.0))


def crop_matrix(box: np.ndarray, view: View) -> np.ndarray:
    """Return the matrix (2, 3) that maps a box's window to its crop."""
    centre, side = window(box, view)
    scale = view.size / side
    return np.column_stack([scale * np.eye(2), view.size / 2 - scale * centre])


def level_contrast(crops: np.ndarray) -> np.ndarray:
    """Bring every crop (N, H, W, 3) uint8 to mean 0 and, where it has any, unit contrast: float32."""
    values = crops.astype(np.float32)
    values -= values.mean(axis=(1, 2, 3), keepdims=True)
    contrast = np.sqrt(np.square(values).mean(axis=(1, 2, 3), keepdims=True) + LEAST_CONTRAST**2)
    return values / contrast


def place(answers: np.ndarray, boxes: np.ndarray, view: View) -> np.ndarray:
    """Turn the network's box answers (N, 4) for windows of `boxes` (N, 4) into boxes (N, 4) of the photo."""
    centres, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, np.maximum((boxes[:, 2:] - boxes[:, :2]).max(axis=1), 1.0)
    sides = view.context * sides[:, None]
    centres = centres + sides * answers[:, :2]
    halves = sides * np.exp(np.clip(answers[:, 2:], *LAYOUT.refined_log_sizes)) / 2
    return np.concatenate([centres - halves, centres + halves], axis=1).astype(np.float32)


class Refiner:
    """Judges places in a photo. One object serves one thread.

    Parameters
    ----------
    path : Path
        Its network, `.onnx`.
    view : View
        That it was trained with.

    Raises
    ------
    InputError
        When it cannot be read, or its answers are no numbers.
    """

    def __init__(self, path: Path, view: View):
        self.view = view
        self._net = OnnxNetwork(path, "train-refiner")
        self._answer(np.zeros((1, view.size, view.size, 3), np.float32))  # a network that gives none is told of now

    def _answer(self, crops: np.ndarray) -> np.ndarray:
        """Return the network's answers (N, 15) to crops (N, H, W, 3) float32 of level contrast."""
        batch = np.ascontiguousarray(crops.transpose(0, 3, 1, 2))
        return self._net(batch, (len(crops), LAYOUT.channels, 1, 1)).reshape(len(crops), -1)

    def judge(self, photo: np.ndarray | Halves, boxes: np.ndarray) -> Judgement:
        """Look at each box.

        Parameters
        ----------
        photo : ndarray (H, W, 3) uint8, RGB, or Halves
            Halves of it where others use them, too.
        boxes : ndarray (N, 4) float32
            Left, top, right, bottom.

        Returns
        -------
        Judgement
        """
        halves = photo if isinstance(photo, Halves) else Halves(photo)
        answers = [np.zeros((0, LAYOUT.channels), np.float32)]
        for start in range(0, len(boxes), BATCH):
            batch = boxes[start : start + BATCH]
            crops = np.stack([halves.cut(crop_matrix(box, self.view), self.view.size) for box in batch])
            answers.append(self._answer(level_contrast(crops)))
        answer = np.concatenate(answers)
        placed = place(answer[:, LAYOUT.box], boxes, self.view)
        return Judgement(placed, answer[:, LAYOUT.presence], softmax(answer[:, LAYOUT.labels], 1))
