"""A network as an ONNX file, by tf2onnx, for ONNX Runtime and OpenCV."""

from pathlib import Path

import keras
import numpy as np

from svhn.errors import forbid_telemetry
from svhn.tf_models.export.serving import crop_function
from svhn.tf_models.export.targets import Run

# Read by onnxruntime and by OpenCV 5.
OPSET = 15


class Onnx:
    """A file with input and outputs of the TFLite file: `images` uint8 (N, 32, 32, C) in, three named outputs."""

    suffix, marker, needs = ".onnx", "", "'svhn[onnx]'"

    def write(self, model: keras.Model, path: Path) -> None:
        forbid_telemetry()
        import tf2onnx

        function = crop_function(model, model.input_shape[-1])
        proto, _ = tf2onnx.convert.from_function(function, function.input_signature, opset=OPSET)
        for value in (*proto.graph.input, *proto.graph.output):
            value.type.tensor_type.shape.dim[0].dim_param = "N"
        path.write_bytes(proto.SerializeToString())

    def load(self, path: Path) -> list[Run]:
        forbid_telemetry()
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]

        def run(_: np.ndarray, pixels: np.ndarray) -> dict[str, np.ndarray]:
            return dict(zip(names, session.run(names, {"images": pixels}), strict=True))

        return [run]


ONNX = Onnx()
