"""The formats that a TensorFlow classifier is written in; which there are is known without TensorFlow.

A format of one's own has the attributes of `ExportTarget` and is registered before it is asked for; for the command
`export` by an entry point, see `svhn.registry.Registry`::

    class Weights:
        suffix = ".npz"
        marker = needs = ""

        def write(self, model, path):
            np.savez(path, *model.get_weights())

        def load(self, path):
            return [lambda rgb, pixels: answers_of(path, pixels)]

    TARGETS.register("weights", Weights())
    export_model(network, "weights", "digits.npz")
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from svhn.registry import Registry

if TYPE_CHECKING:
    import keras
    import numpy as np

# From crops, uint8 (N, 32, 32, 3) RGB, and the same as the network takes them, uint8 (N, 32, 32, 1 or 3), to
# `probabilities` float32 (N, 10), `label` int64 (N,) and `confidence` float32 (N,), the highest probability.
Run: TypeAlias = "Callable[[np.ndarray, np.ndarray], Mapping[str, Any]]"


class ExportTarget(Protocol):
    """A format that networks are written in.

    Attributes
    ----------
    suffix : str
        How the file's name ends, with its dot; "" when it is a folder.
    marker : str
        Name of a file in every such folder: a folder with other things is never replaced.
    needs : str
        What to install, as pip takes it, when an import fails; "" when TensorFlow is enough.
    """

    suffix: str
    marker: str
    needs: str

    def write(self, model: "keras.Model", path: Path) -> None:
        """Write a network (raw pixels 0..255, float32 (N, 32, 32, 1 or 3) -> logits) to a file or an empty folder."""

    def load(self, path: Path) -> Sequence[Run]:
        """Return the ways in which others run what was written; each is compared with the network."""


TARGETS: Registry[ExportTarget] = Registry(
    "export targets",
    {
        "savedmodel": "svhn.tf_models.export.saved_model:SAVED_MODEL",
        "tflite": "svhn.tf_models.export.tflite:TFLITE",
        "onnx": "svhn.tf_models.export.onnx_runtime:ONNX",
        "caffe": "svhn.tf_models.export.caffe_files:CAFFE",
    },
)
