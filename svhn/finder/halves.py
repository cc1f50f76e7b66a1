"""A photo and its halves, quarters and so on: made once, for all that looks at parts of it at some scale."""

import cv2
import numpy as np

# A part is cut out of the smallest picture at which its scale is at least this.
LEAST_SCALE = 0.6


class Halves:
    """A photo and, when they are asked for, its halves, quarters and so on.

    Parameters
    ----------
    photo : ndarray (H, W, 3) uint8
    """

    def __init__(self, photo: np.ndarray):
        self._levels = [photo]

    @property
    def photo(self) -> np.ndarray:
        """The photo itself (H, W, 3) uint8."""
        return self._levels[0]

    def level(self, number: int) -> np.ndarray:
        """Return the photo halved so many times, (H, W, 3) uint8, at least a pixel high and wide."""
        while len(self._levels) <= number:
            last = self._levels[-1]
            half = [max(side // 2, 1) for side in last.shape[1::-1]]
            self._levels.append(cv2.resize(last, half, interpolation=cv2.INTER_AREA))
        return self._levels[number]

    def cut(self, matrix: np.ndarray, size: int, flags: int = cv2.INTER_LINEAR) -> np.ndarray:
        """Return (size, size, 3) uint8 without aliasing: `matrix` (2, 3) maps points of the photo to the crop's.

        What lies outside the photo repeats its border.
        """
        number, scale = 0, float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        while scale < LEAST_SCALE:
            number, scale = number + 1, 2 * scale
        source = self.level(number)
        factors = np.array(source.shape[1::-1]) / self.photo.shape[1::-1]
        # Pixel centres lie half a pixel inside: a point p of the photo is the sample p - .5.
        linear = matrix[:, :2] / factors
        shift = matrix[:, 2] + linear @ [0.5, 0.5] - 0.5
        whole = np.column_stack([linear, shift])
        return cv2.warpAffine(source, whole, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
