"""Keras networks as Caffe's files and back, without Caffe and without OpenCV 4 (that is test_caffe_opencv.py)."""

import keras
import numpy as np
import pytest
from caffe_nets import (
    INPUT,
    OLD,
    OLD_WEIGHTS,
    REFERENCE,
    REFERENCE_WEIGHTS,
    SMALL,
    layer,
    net,
    pixels,
    random_weights,
    write_pair,
)
from keras import layers

from svhn.data.caffe import proto as caffe_proto
from svhn.data.caffe.datum_lmdb import read_lmdb, write_lmdb
from svhn.data.prepared import PreparedData, Statistics
from svhn.errors import InputError
from svhn.tf_models.classifier.config import PRESETS, TrainConfig
from svhn.tf_models.classifier.graphs import build_graph
from svhn.tf_models.classifier.learner import load_weights
from svhn.tf_models.classifier.predict import load_classifier, load_network
from svhn.tf_models.classifier.train import train_network as train
from svhn.tf_models.export.checking import export_model
from svhn.tf_models.export.from_caffe import import_caffe
from svhn.tf_models.folding import CONTRAST
from svhn.tf_models.local_response import LocalResponse, local_response, settings_of

STATISTICS = Statistics(120.0, 60.0, (110.0, 120.0, 130.0), (60.0, 60.0, 60.0), (120.0,) * 32 * 32)
FILES = {"deploy.prototxt", "train_val.prototxt", "solver.prototxt", "weights.caffemodel", "mean.binaryproto"}


@pytest.fixture(scope="module")
def exported(caffe_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("caffe") / "exported"
    export_model(caffe_model, "caffe", folder)
    return folder


@pytest.fixture(scope="module")
def images(tiny) -> np.ndarray:
    return tiny["validation"].gray[..., None].astype(np.float32)


# The graph


def test_the_graph_is_that_of_the_slides(tiny):
    model = build_graph("caffe", tiny.statistics)
    kernels = [each.kernel.shape for each in model.layers if hasattr(each, "kernel")]
    assert kernels == [(5, 5, 1, 32), (5, 5, 32, 32), (5, 5, 32, 64), (1024, 10)]
    names = [each.name for each in model.layers]
    blocks = [f"{part}{block}" for block in (1, 2, 3) for part in ("conv", "relu", "pool", "norm")]
    assert names == ["data", "mean", "standardisation", *blocks[:-1], "flatten", "dropout", "logits"]
    assert model.get_layer("dropout").rate == 0.5
    config = PRESETS["caffe"].config
    assert (config.graph, config.batch_size, config.learning_rate, config.weight_decay) == ("caffe", 48, 1e-3, 0)


def test_the_other_graph_is_that_of_the_prototxt(tiny, tmp_path):
    """What the reference's own prototxt is read as, layer by layer, after the mean image."""
    model = build_graph("caffe-lrn", tiny.statistics)
    original = import_caffe(*write_pair(tmp_path, REFERENCE, random_weights(REFERENCE_WEIGHTS)))
    mine = [type(each) for each in model.layers if each.name not in ("mean", "flatten")]
    assert mine == [type(each) for each in original.layers if each.name != "ip1_flatten"]
    assert [each.name for each in model.layers[2:6]] == ["conv1", "pool1", "relu1", "norm1"]
    assert settings_of(model.get_layer("norm2")) == pytest.approx(settings_of(original.get_layer("norm2")))
    assert model.count_params() == original.count_params()


def test_local_response_is_caffe_s_formula():
    """A double loop over pixels: squares of the window, zeros outside of the image, over the whole window's area."""
    settings = LocalResponse(5, 0.02, 0.6)
    x = pixels(2, 7, 6)
    expected = np.empty_like(x)
    for row, column in np.ndindex(7, 6):
        window = x[:, max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
        expected[:, row, column] = x[:, row, column] / (1 + 0.02 / 25 * (window**2).sum((1, 2))) ** 0.6
    network = local_response((7, 6, 2), settings, "norm")
    np.testing.assert_allclose(network(x), expected, rtol=1e-5)
    assert settings_of(network) == settings
    assert settings_of(build_graph("caffe-lrn", STATISTICS)) is None


def test_local_response_goes_to_caffe_and_back(images, tmp_path):
    keras.utils.set_random_seed(0)
    model = build_graph("caffe-lrn", STATISTICS)
    export_model(model, "caffe", tmp_path / "exported")
    back = import_caffe(tmp_path / "exported" / "deploy.prototxt", tmp_path / "exported" / "weights.caffemodel")
    np.testing.assert_allclose(back(images), model(images), rtol=1e-4, atol=1e-3)  # logits of some ten
    assert [type(each) for each in back.layers] == [type(each) for each in model.layers]
    net = caffe_proto.read_text(tmp_path / "exported" / "train_val.prototxt", "NetParameter")
    (first, second) = (each.lrn_param for each in net.layer if each.type == "LRN")
    assert first == second
    assert (first.norm_region, first.local_size, first.beta) == (first.WITHIN_CHANNEL, 3, 0.75)
    assert first.alpha == pytest.approx(5e-5)


def test_the_other_graph_starts_from_a_network_of_the_slides(caffe_run, tiny, images):
    """Where no edge is near, and crops have the contrast that is taken for theirs, both compute the same."""
    model = build_graph("caffe-lrn", tiny.statistics)
    load_weights(model, str(caffe_run / "model.keras"))
    network = load_network(caffe_run / "model.keras")
    mean = tiny.statistics.gray_mean_image[..., None].astype(np.float32)
    offset = images - mean
    offset = CONTRAST * (offset - offset.mean((1, 2, 3), keepdims=True)) / offset.std((1, 2, 3), keepdims=True)
    outputs = [
        keras.Model(each.input, each.get_layer(name).output)(mean + offset).numpy()[:, 3:-3, 3:-3]
        for each, name in ((network, "relu2"), (model, "relu2"))
    ]
    assert outputs[0].std() > 0.1
    np.testing.assert_allclose(outputs[1], outputs[0], atol=0.15 * outputs[0].max())  # local response is little here
    with pytest.raises(InputError, match="not a network of graph seed"):
        load_weights(build_graph("seed", tiny.statistics), str(caffe_run / "model.keras"))


def test_the_mean_image_is_subtracted(tiny):
    model = build_graph("caffe", tiny.statistics)
    without_mean = keras.Model(model.input, model.get_layer("mean").output)
    values = without_mean.predict(tiny["train"].gray[..., None].astype(np.float32), verbose=0)
    assert values.mean(axis=0).std() < 1e-4 and values.mean() == pytest.approx(0, abs=1e-4)


def test_a_run_learns(caffe_run, tiny):
    accuracy = (load_classifier(caffe_run / "model.keras")(tiny["validation"].rgb).argmax(axis=1)) == tiny[
        "validation"
    ].labels
    assert accuracy.mean() > 0.5


def test_training_from_databases(tiny, tmp_path, quick_end):
    splits = {name: tiny[name] for name in ("train", "validation")}
    write_lmdb(tmp_path / "caffe", PreparedData(splits, tiny.statistics, tiny.provenance))
    data = read_lmdb(tmp_path / "caffe")
    config = TrainConfig(graph="caffe", batch_size=8, iterations=2, interval=1)
    assert train(data, config, tmp_path / "run").finished
    mean = load_network(tmp_path / "run" / "model.keras").get_layer("mean").offset
    stored = caffe_proto.read_binary(tmp_path / "caffe" / "mean.binaryproto", "BlobProto")
    np.testing.assert_allclose(-np.ravel(mean), stored.data, rtol=1e-6)


# There and back


def test_the_export_says_what_it_wrote(caffe_model, tmp_path):
    written = export_model(caffe_model, "caffe", tmp_path / "files")
    assert {path.name for path in written.path.iterdir()} == FILES
    assert written.size > 4 * caffe_model.count_params() and written.difference <= 1e-6
    export_model(caffe_model, "caffe", tmp_path / "files")
    assert [path.name for path in tmp_path.iterdir()] == ["files"]


def test_there_and_back(caffe_model, exported, images):
    back = import_caffe(exported / "deploy.prototxt", exported / "weights.caffemodel")
    np.testing.assert_allclose(back(images), caffe_model(images), atol=1e-5)
    assert [type(each) for each in back.layers] == [type(each) for each in caffe_model.layers]
    assert back.count_params() == caffe_model.count_params()


def test_the_training_network_and_its_mean_file(caffe_model, exported, images):
    back = import_caffe(exported / "train_val.prototxt", exported / "weights.caffemodel")
    np.testing.assert_allclose(back(images), caffe_model(images), atol=1e-5)


def test_twice_there_and_back_gives_the_same_files(exported, tmp_path):
    back = import_caffe(exported / "deploy.prototxt", exported / "weights.caffemodel")
    export_model(back, "caffe", tmp_path / "again")
    for name in FILES - {"weights.caffemodel"}:
        assert (tmp_path / "again" / name).read_bytes() == (exported / name).read_bytes(), name
    first, again = (
        caffe_proto.read_binary(folder / "weights.caffemodel", "NetParameter")
        for folder in (exported, tmp_path / "again")
    )
    for a, b in zip(first.layer, again.layer, strict=True):
        for one, other in zip(a.blobs, b.blobs, strict=True):
            np.testing.assert_allclose(one.data, other.data, rtol=1e-6)


def test_an_imported_network_trains_on_and_is_saved(exported, images, tiny, tmp_path):
    back = import_caffe(exported / "deploy.prototxt", exported / "weights.caffemodel")
    back.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = back(images).numpy()
    back.fit(images, tiny["validation"].labels, verbose=0)
    assert np.abs(back(images) - before).max() > 1e-3
    back.save(tmp_path / "back.keras")
    np.testing.assert_array_equal(load_network(tmp_path / "back.keras")(images), back(images))


def test_solver_and_training_network(exported):
    solver = caffe_proto.read_text(exported / "solver.prototxt", "SolverParameter")
    assert (solver.type, solver.base_lr, solver.net) == ("Adam", pytest.approx(1e-3), "train_val.prototxt")
    training = caffe_proto.read_text(exported / "train_val.prototxt", "NetParameter")
    data = training.layer[0]
    assert (data.data_param.source, data.data_param.batch_size) == ("train_lmdb", 48)
    assert data.transform_param.mean_file == "mean.binaryproto"
    assert [each.type for each in training.layer if each.type in ("Accuracy", "SoftmaxWithLoss", "Scale")] == [
        *("Scale", "Scale"),  # of the two batch normalisations
        *("Accuracy", "SoftmaxWithLoss"),
    ]
    assert {spec.lr_mult for each in training.layer if each.type == "BatchNorm" for spec in each.param} == {0}
    weights = caffe_proto.read_binary(exported / "weights.caffemodel", "NetParameter")
    named = {each.name for each in weights.layer if each.blobs}
    assert named - {"mean"} <= {each.name for each in training.layer}


@pytest.mark.parametrize("name", SMALL)
def test_every_kind_of_layer_is_saved_and_loaded(name, tmp_path):
    prototxt, shapes = SMALL[name]
    model = import_caffe(*write_pair(tmp_path, prototxt, random_weights(shapes)))
    model.save(tmp_path / "model.keras")
    height, width, channels = model.input_shape[1:]
    inputs = pixels(channels, height, width)
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(inputs), model(inputs))


def test_a_mean_file_goes_into_the_network(tmp_path):
    files = write_pair(tmp_path, REFERENCE, random_weights(REFERENCE_WEIGHTS))
    mean = np.random.default_rng(2).uniform(80, 140, (1, 32, 32)).astype(np.float32)
    caffe_proto.write_binary(tmp_path / "mean.binaryproto", caffe_proto.to_image_blob(mean))
    raw = pixels(1, 32, 32)
    expected = import_caffe(*files)(raw - mean.transpose(1, 2, 0)).numpy()
    answer = import_caffe(*files, tmp_path / "mean.binaryproto")(raw).numpy()
    np.testing.assert_allclose(answer, expected, atol=1e-5 * np.abs(expected).max())


def test_colour_is_rgb_outside_and_bgr_inside(tmp_path):
    text = net(layer("pool", "Pooling", "pooling_param { pool: AVE global_pooling: true }"), channels=3)
    text += layer("ip", "InnerProduct", "inner_product_param { num_output: 1 }", "pool")
    files = write_pair(tmp_path, text, {"ip": [np.array([[1, 10, 100]]), np.zeros(1)]})
    image = np.broadcast_to(np.float32([3, 2, 1]), (1, 32, 32, 3))
    assert import_caffe(*files)(image).numpy().item() == pytest.approx(321)


def test_local_response_with_k(tmp_path):
    text = net(layer("norm", "LRN", "lrn_param { local_size: 3 alpha: 0.02 beta: 0.6 k: 2 }"), channels=4, height=2)
    x = pixels(4, 2, 32)
    squares = np.pad(x**2, ((0, 0), (0, 0), (0, 0), (1, 1)))
    near = sum(squares[..., i : i + 4] for i in range(3))
    expected = x / (2 + 0.02 / 3 * near) ** 0.6
    np.testing.assert_allclose(import_caffe(*write_pair(tmp_path, text, {}))(x), expected, rtol=1e-5)


# What cannot be exported


def sequence(*chain: layers.Layer, shape: tuple = (32, 32, 1)) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *chain])


@pytest.mark.parametrize(
    "chain",
    [
        [layers.GaussianNoise(1.0, name="odd")],
        [layers.LayerNormalization(axis=(1, 2, 3), center=False, scale=False, epsilon=0.01, name="odd")],
        [layers.Conv2D(4, 3, activation="relu", name="odd")],
        [keras.Sequential([keras.Input((32, 32, 1)), layers.Conv2D(4, 3)], name="odd")],
        [layers.Conv2D(4, 3, strides=2, padding="same", name="odd")],
        [layers.Conv2D(4, 3, dilation_rate=2, name="odd")],
        [layers.MaxPooling2D(3, name="odd")],
        [layers.MaxPooling2D(5, 2, padding="same", name="odd")],
        [layers.AveragePooling2D(4, 2, padding="same", name="odd")],
        [layers.Flatten(), layers.BatchNormalization(name="odd")],
        [layers.ReLU(max_value=6, name="odd")],
        [layers.Dense(10, name="odd")],
    ],
)
def test_layers_without_an_equal_are_named(chain, tmp_path):
    with pytest.raises(InputError, match=r"layer odd \(\w+\) cannot go to Caffe.*--graph caffe"):
        export_model(sequence(*chain), "caffe", tmp_path / "files")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["seed", "record"])
def test_the_other_graphs_are_refused(name, tiny, tmp_path):
    with pytest.raises(InputError, match=r"cannot go to Caffe.*--graph caffe"):
        export_model(build_graph(name, tiny.statistics), "caffe", tmp_path / "files")


def test_a_folder_with_other_things_is_left_alone(caffe_model, tmp_path):
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(InputError, match="choose a new folder"):
        export_model(caffe_model, "caffe", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


# What cannot be imported


@pytest.mark.parametrize("part", range(0, 20))
def test_a_truncated_caffemodel(exported, part, tmp_path):
    content = (exported / "weights.caffemodel").read_bytes()
    cut = tmp_path / "cut.caffemodel"
    cut.write_bytes(content[: len(content) * part // 20])
    with pytest.raises(InputError, match=r"cut\.caffemodel|cannot read the layer"):
        import_caffe(exported / "deploy.prototxt", cut)


def test_altered_bytes_raise_nothing_but_input_errors(tmp_path):
    prototxt, weights = write_pair(tmp_path, OLD, random_weights(OLD_WEIGHTS), old=True)
    rng = np.random.default_rng(0)
    for path in (prototxt, weights):
        content, refused = path.read_bytes(), 0
        for start in rng.integers(0, min(len(content), 900), 60).tolist():
            path.write_bytes(content[:start] + rng.bytes(3) + content[start + 3 :])
            try:
                import_caffe(prototxt, weights)
            except InputError:
                refused += 1
        assert refused > 0
        path.write_bytes(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"", "no weights found"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "HDF5"),
        (b"layer { }", r"damaged|no weights"),
    ],
)
def test_other_files_for_weights(content, message, exported, tmp_path):
    path = tmp_path / "x.caffemodel"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=rf"x\.caffemodel.*({message})"):
        import_caffe(exported / "deploy.prototxt", path)


def test_the_weights_of_another_network(exported, tmp_path):
    files = write_pair(tmp_path, REFERENCE, random_weights(REFERENCE_WEIGHTS))
    with pytest.raises(InputError, match=r"deploy\.prototxt.*layer mean \(Scale\).*2 arrays for it, not 0"):
        import_caffe(exported / "deploy.prototxt", files[1])
    weights = random_weights(REFERENCE_WEIGHTS)
    weights["conv2"][0] = weights["conv2"][0][:, :, :3, :3]
    files = write_pair(tmp_path, REFERENCE, weights)
    with pytest.raises(InputError, match=r"conv2 \(Convolution\).*\(32, 32, 5, 5\), received \(32, 32, 3, 3\)"):
        import_caffe(*files)
    weights = random_weights(REFERENCE_WEIGHTS)
    weights["ip1"][1][3] = np.nan
    with pytest.raises(InputError, match=r"ip1 \(InnerProduct\).*not all finite"):
        import_caffe(*write_pair(tmp_path, REFERENCE, weights))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no input found"),
        ("{{{", "not a prototxt"),
        ("\xff\xfe", "no input found|not a prototxt"),
        (INPUT % (1, 0, 32), "expected an input of N x channels"),
        (INPUT % (1, 10**9, 32), "expected an input of N x channels"),
        ('layer { name: "data" type: "Input" top: "data" }', "expected an input of N x channels"),
        ('layer { name: "data" type: "Data" top: "data" top: "label" }', "give deploy.prototxt"),
        (net(layer("odd", "Deconvolution")), r"layer odd \(Deconvolution\): only Convolution"),
        (net(layer("odd", "Eltwise").replace("top:", 'bottom: "data" top:', 1)), r"odd \(Eltwise\): only"),
        (net(layer("odd", "ReLU", "", "nowhere")), r"odd \(ReLU\): expected one chain.*take data alone"),
        (net(layer("odd", "Pooling", "pooling_param { kernel_size: 40 }")), r"odd \(Pooling\).*does not fit"),
        (net(layer("odd", "Pooling", "pooling_param { kernel_size: 2 stride: 0 }")), r"odd \(Pooling\).*does not fit"),
        (net(layer("odd", "Pooling", "pooling_param { kernel_size: 2 pad: 2 }")), r"odd \(Pooling\).*does not fit"),
        (net(layer("odd", "Pooling", "pooling_param { kernel_size: 900000000 pad: 899999999 }")), "does not fit"),
        (net(layer("odd", "Pooling", "pooling_param { pool: STOCHASTIC kernel_size: 2 }")), "stochastic"),
        (net(layer("odd", "Convolution", "convolution_param { num_output: 2 }")), r"odd \(Convolution\).*does not fit"),
        (net(layer("odd", "Convolution", "convolution_param { num_output: 2 kernel_size: 3 group: 2 }")), "groups"),
        (net(layer("odd", "InnerProduct", "inner_product_param { num_output: 2000000000 }")), "arrays for it, not 0"),
        (net(layer("odd", "MVN", "mvn_param { eps: 0.1 }")), "eps"),
        (net(layer("odd", "LRN", "lrn_param { local_size: 4 }")), "odd local_size"),
        (net(layer("odd", "LRN", "lrn_param { local_size: 2000000001 }")), "odd local_size"),
        (net(layer("odd", "Dropout", "dropout_param { dropout_ratio: 3 }")), r"odd \(Dropout\)"),
        (net(layer("odd", "Softmax"), layer("relu", "ReLU", "", "odd")), "at the end"),
        (net(layer("odd", "Flatten")), "ends with Flatten"),
        (net(layer("f", "Flatten"), layer("odd", "BatchNorm", "", "f")), r"odd \(BatchNorm\).*after Flatten"),
        (net(layer("f", "Flatten"), layer("odd", "Pooling", "", "f")), r"odd \(Pooling\).*works on images"),
        (net(layer("odd", "ReLU"), layer("odd", "ReLU", "", "odd")), "odd"),
        ('input: "data" input_dim: 1 layers { layer { name: "odd" type: "conv" } }', "expected an input"),
    ],
)
def test_a_prototxt_that_cannot_be_read_is_named(text, message, tmp_path):
    files = write_pair(tmp_path, text, {"other": [np.zeros(3)]})
    with pytest.raises(InputError, match=rf"deploy\.prototxt.*({message})"):
        import_caffe(*files)


@pytest.mark.parametrize("content", [b"", b"\xff\xff", caffe_proto.to_blob(np.zeros((1, 9, 9))).SerializeToString()])
def test_other_files_for_the_mean(content, tmp_path):
    files = write_pair(tmp_path, REFERENCE, random_weights(REFERENCE_WEIGHTS))
    (tmp_path / "m.binaryproto").write_bytes(content)
    with pytest.raises(InputError, match=r"m\.binaryproto"):
        import_caffe(*files, tmp_path / "m.binaryproto")
