"""What a network is handed on as: SavedModel, TFLite or ONNX, with raw uint8 pixels in and named outputs."""

import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from svhn.crops import CROP_SIZE
from svhn.data.render import render_crops
from svhn.errors import InputError
from svhn.files import replacing, replacing_folder
from svhn.tf_models.classifier import decode_crop, prepare_pixels, resize_crops
from svhn.tf_models.export.from_caffe import import_caffe
from svhn.tf_models.export.to_caffe import DEPLOY, WEIGHTS, write_caffe

SIGNATURE = "serving_default"
ENCODED_SIGNATURE = "serve_png"
# Read by onnxruntime and by OpenCV 5.
ONNX_OPSET = 15
# Each of random and of rendered crops that an export is checked on, and how far its probabilities may be off.
CHECKED, TOLERANCE = 100, 1e-4

Outputs = dict[str, tf.Tensor] | dict[str, np.ndarray]


@dataclass(frozen=True)
class Export:
    """What was written: its size in bytes, and the greatest difference from the network's own probabilities."""

    path: Path
    size: int
    difference: float


def export_model(model: keras.Model, kind: str, path: str | Path) -> Export:
    """Write a network in another format, load it again and compare its outputs with the network's.

    Parameters
    ----------
    model : keras.Model
        Raw pixels 0..255, float32 (N, 32, 32, 1 or 3) -> logits.
    kind : str
        "savedmodel", "tflite", "onnx" or "caffe".
    path : str or Path
        A folder for savedmodel and caffe, else a file whose name ends in .tflite or .onnx. Written whole or not at all.

    Raises
    ------
    InputError
        When `path` cannot be used or a package is missing.
    """
    path = Path(path)
    writers = {"savedmodel": export_saved_model, "tflite": export_tflite, "onnx": export_onnx, "caffe": export_caffe}
    difference = writers[kind](model, path)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return Export(path, sum(file.stat().st_size for file in files), difference)


def export_saved_model(model: keras.Model, folder: str | Path) -> float:
    """Write a network of `build_graph` as a SavedModel; return the greatest difference of its probabilities.

    Two signatures: `serving_default` takes `images`, uint8 (N, H, W, C) of any size, gray for C = 1 or RGB for
    C = 3, whatever the network takes; `serve_png` takes `image_bytes`, string (N,), PNG or JPEG files of any
    sizes. Both return `probabilities` float32 (N, 10), `label` int64 (N,) and `confidence` float32 (N,), the
    highest probability.

    Parameters
    ----------
    model : keras.Model
        Raw pixels 0..255 -> logits.
    folder : str or Path
        New, empty, or an earlier SavedModel; written whole or not at all.
    """
    folder = Path(folder)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / "saved_model.pb").is_file()):
        raise InputError(f"{folder}: this exists and is not a SavedModel; choose a new folder")
    answer = _for_any_count(_answer(model))
    images = tf.TensorSpec((None, None, None, None), tf.uint8, name="images")
    files = tf.TensorSpec((None,), tf.string, name="image_bytes")
    spec = tf.TensorSpec((CROP_SIZE, CROP_SIZE, 3))
    functions = {
        SIGNATURE: tf.function(lambda images: answer(resize_crops(images)), [images]),
        ENCODED_SIGNATURE: tf.function(
            lambda image_bytes: answer(tf.map_fn(decode_crop, image_bytes, fn_output_signature=spec)), [files]
        ),
    }
    with replacing_folder(folder) as temporary:
        _save(model, functions, temporary)
        return _check_saved_model(model, temporary)


def export_tflite(model: keras.Model, path: str | Path) -> float:
    """Write a network as a TFLite file; return the greatest difference of its probabilities.

    Its signature `serving_default` is the SavedModel's, for crops of the network's own size and channels: `images`
    uint8 (N, 32, 32, C).
    """
    path = _output_file(path, ".tflite")
    with replacing(path) as temporary, tempfile.TemporaryDirectory() as folder:
        _save(model, {SIGNATURE: _crop_function(model)}, Path(folder))
        temporary.write_bytes(tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE]).convert())
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated")
            run = tf.lite.Interpreter(model_path=str(temporary)).get_signature_runner(SIGNATURE)
        return _difference(model, lambda _, pixels: run(images=pixels), path)


def export_onnx(model: keras.Model, path: str | Path) -> float:
    """Write a network as an ONNX file; return the greatest difference of its probabilities.

    Input and outputs are those of the TFLite file: `images` uint8 (N, 32, 32, C) in, three named outputs.
    """
    path = _output_file(path, ".onnx")
    try:
        import onnxruntime
        import tf2onnx
    except ImportError as error:
        raise InputError(f"{path}: ONNX needs two more packages ({error}): pip install onnxruntime tf2onnx") from error
    function = _crop_function(model)
    with replacing(path) as temporary:
        proto, _ = tf2onnx.convert.from_function(function, function.input_signature, opset=ONNX_OPSET)
        for value in (*proto.graph.input, *proto.graph.output):
            value.type.tensor_type.shape.dim[0].dim_param = "N"
        temporary.write_bytes(proto.SerializeToString())
        session = onnxruntime.InferenceSession(str(temporary), providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]

        def run(_, pixels: np.ndarray) -> Outputs:
            return dict(zip(names, session.run(names, {"images": pixels}), strict=True))

        return _difference(model, run, path)


def export_caffe(model: keras.Model, folder: str | Path) -> float:
    """Write a network as Caffe's files; return the greatest difference of its probabilities when they are read back.

    See `svhn.tf_models.export.to_caffe` for the files; `docs/caffe.md` for their use.
    """
    folder = Path(folder)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / DEPLOY).is_file()):
        raise InputError(f"{folder}: this exists and holds no {DEPLOY}; choose a new folder")
    with replacing_folder(folder) as temporary:
        write_caffe(model, temporary)
        answer = _answer(import_caffe(temporary / DEPLOY, temporary / WEIGHTS))
        return _difference(model, lambda _, pixels: answer(tf.constant(pixels)), folder)


def _answer(model: keras.Model) -> Callable[[tf.Tensor], Outputs]:
    """Return the function from crops (N, 32, 32, 1 or 3) in 0..255 to the named outputs."""
    channels = model.input_shape[-1]

    def answer(crops: tf.Tensor) -> Outputs:
        logits = model(prepare_pixels(crops, channels), training=False)
        probabilities = tf.nn.softmax(logits)
        confidence = tf.reduce_max(probabilities, axis=1)
        return {"probabilities": probabilities, "label": tf.argmax(logits, axis=1), "confidence": confidence}

    return answer


def _for_any_count(answer: Callable[[tf.Tensor], Outputs]) -> Callable[[tf.Tensor], Outputs]:
    """Let `answer` work without crops too: TensorFlow's convolutions (oneDNN) get the shape of nothing wrong."""

    def padded(crops: tf.Tensor) -> Outputs:
        count = tf.shape(crops)[0]
        blank = tf.zeros((tf.cast(count == 0, tf.int32), CROP_SIZE, CROP_SIZE, tf.shape(crops)[3]))
        return {name: value[:count] for name, value in answer(tf.concat([crops, blank], axis=0)).items()}

    return padded


def _crop_function(model: keras.Model) -> tf.types.experimental.PolymorphicFunction:
    spec = tf.TensorSpec((None, CROP_SIZE, CROP_SIZE, model.input_shape[-1]), tf.uint8, name="images")
    answer = _answer(model)
    return tf.function(lambda images: answer(images), [spec])


def _save(model: keras.Model, functions: dict[str, Callable], folder: Path) -> None:
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]  # ExportArchive would store them twice
    module.functions = functions
    tf.saved_model.save(module, str(folder), signatures=functions)


def _output_file(path: str | Path, suffix: str) -> Path:
    path = Path(path)
    if path.suffix != suffix or path.is_dir():
        raise InputError(f"{path}: expected the name of a file that ends in {suffix}")
    return path


def _check_saved_model(model: keras.Model, folder: Path) -> float:
    loaded = tf.saved_model.load(str(folder))

    def run(rgb: np.ndarray, _) -> Outputs:
        return loaded.signatures[SIGNATURE](images=tf.constant(rgb))

    def run_encoded(rgb: np.ndarray, _) -> Outputs:
        files = tf.map_fn(tf.io.encode_png, rgb, fn_output_signature=tf.string)
        return loaded.signatures[ENCODED_SIGNATURE](image_bytes=files)

    return max(_difference(model, each, folder) for each in (run, run_encoded))


@cache
def _check_crops() -> np.ndarray:
    random = np.random.default_rng(0).integers(0, 256, (CHECKED, CROP_SIZE, CROP_SIZE, 3), np.uint8)
    return np.concatenate([random, render_crops(CHECKED, 0)[0]])


def _difference(model: keras.Model, run: Callable[[np.ndarray, np.ndarray], Outputs], path: Path) -> float:
    """Compare an export with the network on random and rendered crops; raise RuntimeError when they disagree.

    `run` is given the crops twice: as uint8 (N, 32, 32, 3) RGB, and as uint8 (N, 32, 32, C) that the network takes.
    """
    rgb = _check_crops()
    pixels = prepare_pixels(tf.constant(rgb), model.input_shape[-1])
    expected = tf.nn.softmax(model(pixels, training=False)).numpy()
    answer = {name: np.asarray(value) for name, value in run(rgb, pixels.numpy().astype(np.uint8)).items()}
    difference = float(np.abs(answer["probabilities"] - expected).max())
    highest = expected.max(axis=1)
    chosen = np.take_along_axis(expected, answer["label"][:, None], axis=1)[:, 0]
    others = max(np.abs(chosen - highest).max(), np.abs(answer["confidence"] - highest).max())
    if not max(difference, others) <= TOLERANCE:
        raise RuntimeError(f"{path}: the exported model does not give the network's outputs, off by {difference:.2g}")
    return difference
