"""The reference's networks as it stores them: weights by names of its own, and nothing else."""

import pytest
import torch
from torch import nn

from svhn.checkpoints import find_model
from svhn.classifiers import crops_for, evaluate_classifier
from svhn.errors import InputError
from svhn.torch_inpaint import train_classifier
from svhn.torch_inpaint.classifier import NETWORKS, NetConfig, load_classifier


class TheirNet(nn.Module):
    """A block is convolution, batch norm, ReLU, max-pooling; two linear layers have dropout between them alone."""

    def __init__(self, filters, kernels, hidden=0):
        super().__init__()
        for number, (before, after, kernel) in enumerate(zip((1, *filters), filters, kernels, strict=False), 1):
            layers = (nn.Conv2d(before, after, kernel, padding=kernel // 2), nn.BatchNorm2d(after), nn.ReLU())
            setattr(self, f"layer{number}", nn.Sequential(*layers, nn.MaxPool2d(2)))
        units = filters[-1] * 25
        self.fc1 = nn.Linear(units, hidden or 10)
        self.fc2 = nn.Linear(hidden, 10) if hidden else nn.Identity()

    def forward(self, images):
        maps = self.layer3(self.layer2(self.layer1(images)))
        return self.fc2(self.fc1(maps.flatten(1)))


@pytest.mark.parametrize(
    ("filters", "kernels", "hidden", "name"),
    [
        ((32, 64, 32), (7, 5, 3), 0, "ConvNet32_753"),
        ((48, 64, 32), (3, 3, 3), 0, "ConvNet48_Dropout3"),
        ((48, 64, 32), (3, 3, 3), 500, "ConvNet48_Dropout"),
        ((8, 8, 8), (3, 3, 3), 0, "ConvNet"),
    ],
)
def test_their_weights_answer_as_their_network_does(filters, kernels, hidden, name, tmp_path):
    torch.manual_seed(1)
    theirs = TheirNet(filters, kernels, hidden)
    with torch.no_grad():  # statistics and scales that are not those of a fresh network
        theirs(torch.randn(16, 1, 40, 40))
    torch.save(theirs.state_dict(), tmp_path / "train_predictor.pkl")
    ours = load_classifier(find_model(tmp_path / "train_predictor.pkl").path)
    images = torch.rand(5, 1, 40, 40) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(ours.net(images), theirs.eval()(images), atol=1e-5, rtol=1e-4)
    assert (ours.name, ours.preprocessing.standardise) == (name, False)
    assert crops_for(tmp_path / "train_predictor.pkl") == "tight"


def test_other_weights_are_refused_in_words(tmp_path):
    torch.save(nn.Sequential(nn.Linear(4, 10)).state_dict(), tmp_path / "linear.pt")
    with pytest.raises(InputError, match=r"linear\.pt.*three convolutions.*received 0, 0 and 1"):
        load_classifier(tmp_path / "linear.pt")


def test_a_network_learns_from_tight_crops_and_says_so(tiny_svhn, tmp_path, monkeypatch):
    monkeypatch.setattr(NETWORKS, "_entries", {**NETWORKS._entries, "Small_Net": NetConfig((4, 4, 4), (3, 3, 3))})
    settings = {"net": "small_net", "optimizer": "adagrad", "epochs": 1, "crops": "tight", "validation": 0.3}
    source, run, drawn = str(tiny_svhn.folder), tmp_path / "run", []
    monkeypatch.setattr("svhn.figures.write_run_picture", lambda path, *_: path.touch())
    monkeypatch.setattr("svhn.figures.report.save_figure", lambda path, figure: drawn.append(path.name))
    train_classifier(source, settings, run, device="cpu")
    measured = evaluate_classifier(run, source, "validation", tmp_path / "report", pairs=[(1, 7)])
    assert measured["crops"] == "tight" and "misclassified-1-as-7.png" in drawn
    trained = load_classifier(run / "model.pt")
    assert trained.name == "Small_Net" and trained.info["validation_fraction"] == 0.3
    with pytest.raises(InputError, match="for PyTorch networks"):
        crops_for("tf-seed", "tight")
