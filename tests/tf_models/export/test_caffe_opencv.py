"""Our Caffe files in OpenCV 4, which has an importer of its own: `make test-caffe` sets up its environment."""

import subprocess
from pathlib import Path

import keras
import numpy as np
import pytest
from caffe_nets import OLD, OLD_WEIGHTS, REFERENCE, REFERENCE_WEIGHTS, SMALL, pixels, random_weights, write_pair

from svhn.checkpoints import find_model
from svhn.crops import to_gray
from svhn.data.render.strips import render_crops
from svhn.tf_models.classifier import logits_of
from svhn.tf_models.export.checking import export_model
from svhn.tf_models.export.from_caffe import import_caffe

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-caffe" / "bin" / "python"
SCRIPT = Path(__file__).with_name("opencv4_forward.py")

pytestmark = pytest.mark.skipif(not PYTHON.is_file(), reason="OpenCV 4 is not set up: make test-caffe")


def opencv(prototxt: Path, weights: Path, images: np.ndarray, *layer: str) -> np.ndarray:
    """Return what OpenCV 4 computes for images (N, H, W, C), as Keras would hold it."""
    source, target = prototxt.with_name("input.npy"), prototxt.with_name("output.npy")
    np.save(source, np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    command = [PYTHON, SCRIPT, prototxt, weights, source, target, *layer]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    output = np.load(target)
    return output.transpose(0, 2, 3, 1) if output.ndim == 4 else output


@pytest.fixture(scope="module")
def exported(caffe_model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("caffe") / "exported"
    export_model(caffe_model, "caffe", folder)
    return folder


@pytest.mark.parametrize("count", [1, 60])
def test_opencv_4_gives_the_network_s_outputs_from_raw_pixels(caffe_model, exported, tiny, count):
    images = tiny["validation"].gray[:count, ..., None].astype(np.float32)
    files = exported / "deploy.prototxt", exported / "weights.caffemodel"
    logits = caffe_model(images).numpy()
    assert np.abs(logits).max() > 1
    np.testing.assert_allclose(opencv(*files, images, "logits"), logits, atol=1e-4)
    np.testing.assert_allclose(opencv(*files, images), keras.ops.softmax(logits), atol=1e-4)


@pytest.mark.parametrize("name", ["tf-caffe", "tf-caffe-lrn"])
def test_the_shipped_networks(name, tmp_path):
    model = keras.models.load_model(find_model(name).path, compile=False)
    export_model(model, "caffe", tmp_path / "exported")
    files = tmp_path / "exported" / "deploy.prototxt", tmp_path / "exported" / "weights.caffemodel"
    digits, _ = render_crops(40, seed=5)
    images = to_gray(digits)[..., None].astype(np.float32)
    np.testing.assert_allclose(opencv(*files, images, "logits"), logits_of(model)(images), atol=1e-4)
    np.testing.assert_allclose(opencv(*files, images), model(images), atol=1e-4)


@pytest.mark.parametrize("level", [0, 255])
def test_also_on_flat_and_noisy_crops(caffe_model, exported, level):
    images = np.concatenate([pixels(1, 32, 32), np.full((1, 32, 32, 1), level, np.float32)])
    answer = opencv(exported / "deploy.prototxt", exported / "weights.caffemodel", images, "logits")
    np.testing.assert_allclose(answer, caffe_model(images), atol=1e-4)


def test_the_reference_s_own_network(tmp_path):
    files = write_pair(tmp_path, REFERENCE, random_weights(REFERENCE_WEIGHTS))
    images = pixels(1, 32, 32) - 128
    logits = import_caffe(*files)(images).numpy()
    np.testing.assert_allclose(opencv(*files, images, "ip1"), logits, atol=1e-4 * np.abs(logits).max())
    np.testing.assert_allclose(opencv(*files, images), keras.ops.softmax(logits), atol=1e-4)


def test_files_from_before_2014(tmp_path):
    files = write_pair(tmp_path, OLD, random_weights(OLD_WEIGHTS), old=True)
    images = pixels(1, 32, 32)
    logits = import_caffe(*files)(images).numpy()
    np.testing.assert_allclose(opencv(*files, images, "ip1"), logits, atol=1e-5 * np.abs(logits).max())


@pytest.mark.parametrize("name", SMALL)
def test_each_layer_alone(name, tmp_path):
    prototxt, shapes = SMALL[name]
    files = write_pair(tmp_path, prototxt, random_weights(shapes))
    model = import_caffe(*files)
    height, width, channels = model.input_shape[1:]
    images = pixels(channels, height, width)
    expected = model(images).numpy()
    assert expected.std() > 0
    np.testing.assert_allclose(opencv(*files, images), expected, atol=1e-4 * np.abs(expected).max())
