"""The examples of docs/serving.md, docs/keras.md and README, run as they stand."""

import base64
import io
import json
import re
import shlex
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2

from svhn.commands import cli

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
# What a block needs that is not here is said in a comment above it.
BLOCKS = re.findall(r"(<!-- needs \w[\w ]* -->\n)?```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with the samples, and what the page's export commands write."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "samples").symlink_to(ROOT / "samples")
    (folder / "checkpoints").symlink_to(ROOT / "checkpoints")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in re.findall(r"^svhn (export .*)$", PAGE, re.MULTILINE):
            result = CliRunner().invoke(cli, shlex.split(line))
            assert result.exit_code == 0, result.output
    return folder


def tensorflow_serving(request: urllib.request.Request) -> io.BytesIO:
    """Answer from the SavedModel as TensorFlow Serving answers a REST request in row format."""
    name, version, action = re.fullmatch(
        r"http://localhost:8501/v1/models/(\w+)(/versions/\d+)?:(\w+)", request.full_url
    ).groups()
    assert version is None and action == "predict"
    content = json.loads(request.data)
    serve = tf.saved_model.load(f"exported/{name}/1").signatures[content["signature_name"]]
    (key,) = serve.structured_input_signature[1]
    assert all(instance.keys() == {key} and instance[key].keys() == {"b64"} for instance in content["instances"])
    files = [base64.b64decode(instance[key]["b64"], validate=True) for instance in content["instances"]]
    answer = {name: value.numpy().tolist() for name, value in serve(**{key: tf.constant(files)}).items()}
    rows = [dict(zip(answer, row, strict=True)) for row in zip(*answer.values(), strict=True)]
    return io.BytesIO(json.dumps({"predictions": rows}).encode())


def test_every_python_example_runs_and_gives_the_same_answer(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(urllib.request, "urlopen", tensorflow_serving)
    names, answers = {}, []
    for needs, code in BLOCKS:
        if not needs:
            names.pop("answer", None)
            exec(compile(code, "docs/serving.md", "exec"), names)
            answers += [names["answer"]] if "answer" in names else []
    assert len(answers) == 7
    for answer in answers:
        assert set(answer) == {"probabilities", "label", "confidence"}
        for name, value in answer.items():
            np.testing.assert_allclose(np.asarray(value), np.asarray(answers[0][name]), atol=1e-5)


def test_the_grpc_client_runs_against_the_service_s_own_messages(folder, monkeypatch):
    grpc = pytest.importorskip("grpc")
    apis = pytest.importorskip("tensorflow_serving.apis.prediction_service_pb2_grpc")
    from tensorflow_serving.apis import predict_pb2

    loaded = tf.saved_model.load(str(folder / "exported" / "digits" / "1"))

    class Server(apis.PredictionServiceServicer):
        def Predict(self, request, context):
            assert request.model_spec.name == "digits"
            serve = loaded.signatures[request.model_spec.signature_name]
            answer = serve(**{name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()})
            response = predict_pb2.PredictResponse(model_spec=request.model_spec)
            for name, value in answer.items():
                response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
            return response

    server = grpc.server(ThreadPoolExecutor(1))
    apis.add_PredictionServiceServicer_to_server(Server(), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    (code,) = (code for needs, code in BLOCKS if "a server" in needs)
    names = {"tf": tf, "crops": np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)}
    exec(compile(code.replace("localhost:8500", f"localhost:{port}"), "docs/serving.md", "exec"), names)
    server.stop(None)
    expected = loaded(names["crops"])
    for name, value in names["answer"].items():
        np.testing.assert_allclose(value, expected[name], atol=1e-6)
    assert set(names["answer"]) == set(expected)


def test_the_signatures_in_the_table_are_those_of_the_file(folder):
    content = (folder / "exported" / "digits" / "1" / "saved_model.pb").read_bytes()
    signatures = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].signature_def

    def said(tensors) -> set[str]:
        shapes = {name: [side.size for side in value.tensor_shape.dim] for name, value in tensors.items()}
        kinds = {name: types_pb2.DataType.Name(value.dtype) for name, value in tensors.items()}
        return {f"`{name}` {kinds[name]} {shape}" for name, shape in shapes.items()}

    table = re.findall(r"^\| `(serv\w+)` \| (`\w+` DT.*?) \| (.*?) \|$", PAGE, re.MULTILINE)
    assert [name for name, _, _ in table] == ["serving_default", "serve_png"]
    for name, taken, _ in table:
        assert said(signatures[name].inputs) == {taken}
        assert said(signatures[name].outputs) == set(re.findall(r"`\w+` DT_\w+ \[[^]]*\]", table[0][2]))


def test_the_sizes_in_the_table_are_those_of_the_files(folder):
    saved = sum(path.stat().st_size for path in (folder / "exported" / "digits" / "1").rglob("*") if path.is_file())
    sizes = [saved, *((folder / "exported" / f"digits.{kind}").stat().st_size for kind in ("tflite", "onnx"))]
    assert [f"{size / 1e6:.1f} MB" for size in sizes] == re.findall(r"\d\.\d MB", PAGE)


def test_the_saved_model_in_readme_answers(monkeypatch):
    monkeypatch.chdir(ROOT)
    *_, code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["answer"]["probabilities"].shape == (1, 10)


def test_the_examples_of_plain_keras_run(tmp_path, monkeypatch):
    (tmp_path / "checkpoints").symlink_to(ROOT / "checkpoints")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for code in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "keras.md").read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(code, "docs/keras.md", "exec"), names)
    assert names["head"].predict(names["gray"], verbose=0).shape == (32, 2)
    tuned, before = (keras.models.load_model(path) for path in ("fine-tuned.keras", "checkpoints/tf-caffe/model.keras"))
    digits = names["crops"], names["labels"]
    assert tuned.evaluate(*digits, verbose=0)[0] < before.evaluate(*digits, verbose=0)[0]
    np.testing.assert_allclose(names["answer"], tuned.predict(names["crops"], verbose=0), atol=1e-4)  # XLA's
    policies = {layer.name: layer.compute_dtype for layer in names["classifier"].layers}
    assert (policies["conv1"], policies["mean"], names["answers"].dtype) == ("bfloat16", "float32", "float32")
    half, whole = (names[name].predict(names["gray"], verbose=0).argmax(axis=1) for name in ("mixed", "network"))
    assert (half == whole).mean() > 0.8  # a step of training and the rounding apart
