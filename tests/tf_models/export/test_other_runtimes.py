"""Our files in runtimes that the project does not need: pip install ai-edge-litert openvino."""

import numpy as np
import pytest

from svhn.crops import to_gray
from svhn.data.render import render_crops
from svhn.tf_models.classifier import load_network, prepare_pixels
from svhn.tf_models.export import export_model


@pytest.fixture(scope="module")
def litert():
    return pytest.importorskip("ai_edge_litert.interpreter", reason="LiteRT is not installed")


@pytest.fixture(scope="module")
def openvino():
    return pytest.importorskip("openvino", reason="OpenVINO is not installed")


@pytest.fixture(scope="module")
def network():
    from svhn.checkpoints import find_model

    return load_network(find_model("tf-caffe").path)


@pytest.fixture(scope="module")
def files(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    return {kind: export_model(network, kind, folder / f"digits.{kind}").path for kind in ("tflite", "onnx")}


@pytest.fixture(scope="module")
def crops():
    return render_crops(20, seed=3)[0]


@pytest.fixture(scope="module")
def expected(network, crops):
    import keras

    return np.asarray(keras.ops.softmax(network(prepare_pixels(crops, 1), training=False)))


def test_litert(litert, files, crops, expected):
    interpreter = litert.Interpreter(str(files["tflite"]))
    run = interpreter.get_signature_runner("serving_default")
    for images in (crops, to_gray(crops)[..., None]):
        answer = run(images=images)
        np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
        np.testing.assert_array_equal(answer["label"], expected.argmax(axis=1))
    with pytest.raises(RuntimeError, match="broadcastable"):
        run(images=crops.transpose(0, 3, 1, 2))
    with pytest.raises(ValueError, match="expected type UINT8"):
        run(images=crops / 255)
    with pytest.raises(RuntimeError, match="failed to prepare"):
        run(images=crops[:0])


def test_openvino(openvino, files, crops, expected):
    model = openvino.Core().compile_model(openvino.Core().read_model(files["onnx"]), "CPU")
    answer = model({"images": to_gray(crops)[..., None]})
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    np.testing.assert_array_equal(answer["label"], expected.argmax(axis=1))
    with pytest.raises(RuntimeError, match="shape"):
        model({"images": crops})
    gray = to_gray(crops)[..., None]
    for wrong in (gray[..., 0], gray.transpose(0, 3, 1, 2), gray[:0], gray / np.float32(255)):
        with pytest.raises(RuntimeError):
            model({"images": openvino.Tensor(wrong)})  # without it floats become bytes, see docs/serving.md
