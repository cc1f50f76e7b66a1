"""The files of a finder's networks, and how they are run: by ONNX Runtime where the text reader brought it along."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from svhn.checkpoints import locate_checkpoint
from svhn.errors import InputError, forbid_telemetry
from svhn.finder.answers import check_answer, check_weights
from svhn.finder.config import VIEWS, reader_version

MODEL_FILE = "finder.onnx"
# The older of OpenCV's two engines takes a fifth less time for these networks; before 4.11 it was the only one.
ENGINE = (cv2.dnn.ENGINE_CLASSIC,) if hasattr(cv2.dnn, "ENGINE_CLASSIC") else ()


def find_finder(path: str | Path) -> Path:
    """Return the ONNX file that a path or the name of a shipped checkpoint means; raise InputError without one.

    See `svhn.checkpoints.locate_checkpoint` for which of the two a name means.
    """
    located = locate_checkpoint(path)
    for candidate in (located, located / MODEL_FILE):
        if candidate.suffix == ".onnx" and candidate.is_file():
            return candidate
    raise InputError(f"{path}: no finder found; expected a .onnx file or a folder with {MODEL_FILE} (train-finder)")


def network_files(path: str | Path) -> list[Path]:
    """Return the ONNX files that a finder uses: that of `find_finder`, and of the refiners that lie beside it.

    They are in the order of `VIEWS`; a refiner counts when all before it are there, on which it relies.
    """
    first = find_finder(path)
    beside = (first.with_name(view.file) for view in VIEWS.values())
    return [first, *itertools.takewhile(Path.is_file, beside)]


class OnnxNetwork:
    """A network whose answers are looked at before they are believed. One object serves one thread.

    ONNX Runtime runs it where it is installed: it takes half of OpenCV's time for a refiner, and .8 of it for the
    finder. The answers differ by 1e-5.

    Parameters
    ----------
    path : Path
        ONNX file.
    command : str
        What writes such files, for errors.

    Raises
    ------
    InputError
        When it cannot be read, or its weights are no numbers.
    """

    def __init__(self, path: Path, command: str):
        self.path = path
        try:
            net = cv2.dnn.readNetFromONNX(str(path), *ENGINE)
            weights = [blob for name in net.getLayerNames() for blob in net.getLayer(name).blobs]
        except cv2.error as error:
            raise InputError(f"{path}: not a readable ONNX network; export it again ({command})") from error
        check_weights(weights, path)
        self._run = (_by_runtime(path) if reader_version() else None) or _by_opencv(net)

    def __call__(self, batch: np.ndarray, shape: Sequence[int]) -> np.ndarray:
        """Return the answer to a batch (N, C, H, W) float32.

        Raises
        ------
        InputError
            When there is none, it has another shape than `shape`, or it holds NaN or infinity.
        """
        try:
            answer = np.asarray(self._run(batch), np.float32)
        except Exception as error:  # each of the two has a dozen kinds of its own
            reason = " ".join(str(error).split())
            raise InputError(f"{self.path}: this network gave no answer ({reason}); use another network") from error
        return check_answer(answer, self.path, shape)


def _by_opencv(net: cv2.dnn.Net) -> Callable[[np.ndarray], np.ndarray]:
    """Return what lets OpenCV run a network."""

    def run(batch: np.ndarray) -> np.ndarray:
        net.setInput(batch)
        return net.forward()

    return run


def _by_runtime(path: Path) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return what lets ONNX Runtime run a network on one thread; None where it does not know the network's layers."""
    forbid_telemetry()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(path), options)
    except Exception:  # OpenCV reads it, and runs it then
        return None
    name = session.get_inputs()[0].name
    return lambda batch: session.run(None, {name: batch})[0]
