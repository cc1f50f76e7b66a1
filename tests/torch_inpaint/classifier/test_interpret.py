import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from svhn.commands import cli
from svhn.figures.interpretation import MOST_DIGITS, draw_interpretations
from svhn.torch_inpaint.classifier.adapter import classify, to_batch
from svhn.torch_inpaint.classifier.config import NETWORKS
from svhn.torch_inpaint.classifier.interpret import input_gradient, interpret_crops, layers_of
from svhn.torch_inpaint.classifier.nets import Classifier, Preprocessing, build_net


@pytest.fixture(scope="module")
def classifier():
    torch.manual_seed(0)
    net = build_net("ConvNet32_753").eval().requires_grad_(False)
    return Classifier(net, "ConvNet32_753", Preprocessing(), {})


def crops(count):
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), np.uint8)


def test_what_is_shown_is_what_the_network_does(classifier):
    found = interpret_crops(classifier, crops(3))
    np.testing.assert_allclose([one.probabilities for one in found], classify(classifier, crops(3)), atol=1e-5)
    for one, crop in zip(found, crops(3), strict=True):
        np.testing.assert_array_equal(one.crop, crop)
        assert one.seen.shape == one.gradient.shape == one.sensitivity.shape == (40, 40)
        assert one.filters.shape == (32, 7, 7) and one.maps.shape == (32, 40, 40)
        inner = np.pad(one.seen, 3)[10:17, 20:27]  # what the filters see about row 10, column 20
        bias = classifier.net.first_conv.bias.numpy()
        np.testing.assert_allclose((one.filters * inner).sum(axis=(1, 2)) + bias, one.maps[:, 10, 20], atol=1e-4)


def test_the_gradient_is_the_change_of_the_logit(classifier):
    seen = to_batch(crops(1), classifier.preprocessing)
    gradient = input_gradient(classifier, seen, 3)[0]
    direction = torch.randn(seen.shape, generator=torch.Generator().manual_seed(1))
    step = 1e-3
    with torch.no_grad():
        change = classifier.net(seen + step * direction)[0, 3] - classifier.net(seen - step * direction)[0, 3]
    assert float(change / (2 * step)) == pytest.approx(float((gradient * direction[0, 0]).sum()), rel=0.05)


def test_sensitivity_is_repeatable_and_steadier_than_the_gradient(classifier):
    (one,), (again,) = interpret_crops(classifier, crops(1)), interpret_crops(classifier, crops(1))
    np.testing.assert_array_equal(one.sensitivity, again.sensitivity)
    assert (one.sensitivity >= 0).all() and one.sensitivity.max() > 0
    assert one.sensitivity.std() / one.sensitivity.mean() < np.abs(one.gradient).std() / np.abs(one.gradient).mean()


@pytest.mark.slow
def test_the_figure_grows_with_the_digits_up_to_a_limit(classifier, tmp_path):
    found = interpret_crops(classifier, crops(MOST_DIGITS + 1))
    heights = []
    for count in (1, 2, MOST_DIGITS, MOST_DIGITS + 1):
        draw_interpretations(found[:count], "a_$^{_b").savefig(tmp_path / "figure.png")
        with Image.open(tmp_path / "figure.png") as image:
            assert image.width == 1500
            heights.append(image.height)
    assert heights[0] < heights[1] < heights[2] == heights[3]


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(crops(1)[0]).save("digit.png")
    result = CliRunner().invoke(cli, ["explain-digits", "digit.png"])
    assert result.exit_code == 0, result.output
    assert result.output == "digits-digit.png: written, 1 digit\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digit.png", "digits-digit.png"]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_layers_of_every_net_end_in_ten_logits_and_hold_all_parameters(name):
    net = build_net(name)
    layers = layers_of(net.eval(), Preprocessing())
    assert layers[0].shape == (40, 40, 1) and layers[1].shape == (40, 40, NETWORKS[name].filters[0])
    assert layers[-1].shape == (10,) and layers[-1].takes == (len(layers) - 2,)
    assert sum(layer.parameters for layer in layers) == sum(weights.numel() for weights in net.parameters())


def test_the_diagram_of_a_network_by_its_name_or_of_a_checkpoint(tmp_path):
    run = CliRunner().invoke
    by_name = run(cli, ["diagram", "Convnet48_Dropout3", "--output", str(tmp_path / "by-name.png")])
    of_file = run(cli, ["diagram", "torch-convnet48-dropout3", "--output", str(tmp_path / "of-file.png")])
    assert by_name.exit_code == of_file.exit_code == 0 and "54,954" in by_name.output
    assert by_name.output.splitlines()[:-1] == of_file.output.splitlines()[:-1]
    assert (tmp_path / "by-name.png").is_file()
    wrong = run(cli, ["diagram", "ConvNet99", "--output", str(tmp_path / "x.png")])
    assert wrong.exit_code == 1 and "no model found" in wrong.output
