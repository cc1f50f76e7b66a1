import numpy as np
import pytest
import torch

from svhn.errors import InputError
from svhn.figures.report import format_report
from svhn.metrics import classification_report
from svhn.torch_inpaint.classifier.adapter import (
    Predictor,
    classify,
    feature_maps,
    load_predictor,
    to_batch,
    to_images,
    to_tensor,
)
from svhn.torch_inpaint.classifier.config import NETWORKS, ConvNetTrainConfig, NetConfig
from svhn.torch_inpaint.classifier.nets import (
    Classifier,
    Preprocessing,
    build_net,
    load_classifier,
    save_classifier,
)


@pytest.fixture
def classifier():
    torch.manual_seed(0)
    return Classifier(build_net("ConvNet48_Dropout3").eval(), "ConvNet48_Dropout3", Preprocessing(), {"data": "test"})


def crops(count=4, size=32):
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_net_of_the_family_answers_and_learns(name):
    net = build_net(name)
    assert net.first_conv.out_channels == NETWORKS[name].filters[0] == int(name.removeprefix("ConvNet")[:2])
    logits = net(torch.randn(6, 1, 40, 40))
    assert logits.shape == (6, 10)
    torch.nn.functional.cross_entropy(logits, torch.arange(6)).backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in net.parameters())


def test_the_best_net_has_the_reference_shape():
    net = build_net("ConvNet48_Dropout3")
    assert net.classifier[-1].in_features == 800
    assert [layer.kernel_size for layer in net.features if isinstance(layer, torch.nn.Conv2d)] == [(3, 3)] * 3


def test_unknown_net_is_an_input_error():
    with pytest.raises(InputError, match="ConvNet48_Dropout3"):
        build_net("ConvNet99")


def test_a_network_of_ones_own(classifier, monkeypatch, tmp_path):
    monkeypatch.setattr(NETWORKS, "_entries", dict(NETWORKS._entries))
    NETWORKS.register("Mine", NetConfig((8, 16, 16), kernels=(3, 3, 3)))
    assert ConvNetTrainConfig(net="Mine").net == "Mine"
    mine = Classifier(build_net("Mine").eval(), "Mine", Preprocessing(), {})
    save_classifier(tmp_path / "mine.pt", mine)
    np.testing.assert_allclose(
        classify(load_classifier(tmp_path / "mine.pt"), crops()), classify(mine, crops()), atol=1e-5
    )


def test_a_network_cannot_take_anothers_name():
    with pytest.raises(ValueError, match="registered already"):
        NETWORKS.register("ConvNet32", NetConfig((8, 16, 16)))


def test_save_load_gives_the_same_logits_and_everything_to_use_them(classifier, tmp_path):
    save_classifier(tmp_path / "model.pt", classifier)
    loaded = load_classifier(tmp_path / "model.pt")
    np.testing.assert_allclose(classify(loaded, crops()), classify(classifier, crops()), atol=1e-5)
    assert (loaded.name, loaded.preprocessing, loaded.info) == (
        classifier.name,
        classifier.preprocessing,
        classifier.info,
    )
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    first = dict(loaded.net.named_modules())[content["first_conv"]]
    assert first is loaded.net.first_conv
    assert content["classes"] == list("0123456789") and content["kind"] == "classifier"


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04damaged"])
def test_a_damaged_checkpoint_is_an_input_error(tmp_path, content):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"model\.pt"):
        load_classifier(path)


def test_a_truncated_checkpoint_is_an_input_error(classifier, tmp_path):
    path = tmp_path / "model.pt"
    save_classifier(path, classifier)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"model\.pt"):
        load_classifier(path)


def test_the_adapter_takes_any_producer():
    images = crops()
    expected = to_batch(images, Preprocessing())
    assert expected.shape == (4, 1, 40, 40) and expected.dtype == torch.float32

    class DLPackOnly:
        def __init__(self, tensor):
            self.tensor = tensor

        def __dlpack__(self, **options):
            return self.tensor.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.tensor.__dlpack_device__()

    class TensorFlowLike:
        def numpy(self):
            return images

    for other in (torch.from_numpy(images), DLPackOnly(torch.from_numpy(images)), TensorFlowLike(), images.tolist()):
        torch.testing.assert_close(to_batch(other, Preprocessing()), expected)


def test_gray_and_rgb_of_a_gray_picture_are_the_same():
    gray = crops()[..., 0]
    batches = [
        to_batch(images, Preprocessing()) for images in (gray, gray[..., None], np.repeat(gray[..., None], 3, 3))
    ]
    torch.testing.assert_close(batches[0], batches[1])
    torch.testing.assert_close(batches[0], batches[2], atol=1e-5, rtol=0)


def test_channels_are_weighted_as_rgb():
    red, blue = np.zeros((2, 1, 40, 40, 3), np.uint8)
    red[..., 0] = blue[..., 2] = 255
    plain = Preprocessing(mean=0.0, std=1.0, standardise=False)
    assert to_batch(red, plain).mean() == pytest.approx(0.299, abs=1e-4)
    assert to_batch(blue, plain).mean() == pytest.approx(0.114, abs=1e-4)


@pytest.mark.parametrize("shape", [(32, 32), (2, 32, 32, 4), (1, 2, 32, 32, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="received"):
        to_tensor(np.zeros(shape, np.uint8))


def test_images_survive_the_round_trip():
    np.testing.assert_array_equal(to_images(to_tensor(crops()).float()), crops())


def test_standardising_removes_brightness_and_contrast(classifier):
    dark = (crops() // 4).astype(np.uint8)
    np.testing.assert_allclose(classify(classifier, dark), classify(classifier, dark * 2 + 90), atol=0.02)


def test_feature_maps_have_the_size_of_the_region_and_are_the_first_convolution(classifier):
    region = torch.from_numpy(crops(1, 23)[:, :, :17].copy()).permute(0, 3, 1, 2)
    maps = feature_maps(classifier, region)
    assert maps.shape == (1, 48, 23, 17)
    hooked = []
    handle = classifier.net.first_conv.register_forward_hook(lambda module, inputs, output: hooked.append(output))
    square = crops(1, 40)
    classify(classifier, square)
    handle.remove()
    maps = feature_maps(classifier, torch.from_numpy(square).permute(0, 3, 1, 2))
    inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    torch.testing.assert_close(maps[inner], hooked[0][inner], atol=1e-4, rtol=1e-4)


def test_no_images_give_no_probabilities(classifier):
    assert classify(classifier, np.zeros((0, 32, 32, 3), np.uint8)).shape == (0, 10)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_every_net_of_the_family_is_reported_on(name, tmp_path):
    """As `evaluate` does it: precision, recall, F1 and support of every digit, and the confusion matrix."""
    save_classifier(tmp_path / "model.pt", Classifier(build_net(name), name, Preprocessing(), {}))
    labels = np.arange(40) % 10
    report = classification_report(labels, load_predictor(tmp_path / "model.pt")(crops(40)).argmax(axis=1))
    lines = format_report(report).splitlines()
    assert lines[0].split() == ["digit", "precision", "recall", "f1", "support"]
    assert [line.split()[0] for line in lines[1:11]] == list("0123456789")
    assert [line.split()[-1] for line in lines[1:11]] == ["4"] * 10
    confusion = np.array(report["confusion"])
    assert confusion.shape == (10, 10) and confusion.sum(axis=1).tolist() == [4] * 10


def test_features_are_what_the_last_layer_judges_by(classifier):
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    found = Predictor(classifier).features(images)
    last = classifier.net.classifier[-1]
    logits = last(torch.from_numpy(found)).detach()
    assert found.shape == (3, last.in_features) and found.dtype == np.float32
    np.testing.assert_allclose(logits.softmax(dim=1), Predictor(classifier)(images), atol=1e-5)
    assert Predictor(classifier).features(images[:0]).shape == (0, last.in_features)
