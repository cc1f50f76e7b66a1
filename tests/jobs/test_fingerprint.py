"""What a photo is done again for: every network that is used, by its content, and every setting."""

import shutil
from dataclasses import replace

import pytest

from svhn.checkpoints import checkpoint_folder
from svhn.errors import InputError
from svhn.jobs.config import JobConfig
from svhn.jobs.fingerprint import describe_settings, short_hash, used_networks
from svhn.photos.config import PhotoConfig
from svhn.torch_inpaint.removal.config import FILLS, FillConfig, KeyPixelConfig, RemovalConfig

JOB = JobConfig("out")


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    """A copy of the shipped networks that remove-digits uses, which may be changed."""
    for name in ("torch-convnet48-dropout3", "torch-finisher", "torch-segmenter", "finder"):
        shutil.copytree(checkpoint_folder() / name, tmp_path / name)
    monkeypatch.setenv("SVHN_CHECKPOINTS", str(tmp_path))
    return tmp_path


def change(path):
    path.write_bytes(path.read_bytes() + b"\0")


NETWORKS = [
    "torch-convnet48-dropout3/model.pt",
    "torch-finisher/model.pt",
    "torch-segmenter/model.pt",
    "finder/finder.onnx",
    "finder/refiner.onnx",
    "finder/wide-refiner.onnx",
]


@pytest.mark.parametrize("network", NETWORKS)
def test_other_weights_are_other_settings(checkpoints, network):
    before = describe_settings(JOB)
    assert describe_settings(JOB) == before
    change(checkpoints / network)
    assert describe_settings(JOB) != before


@pytest.mark.parametrize(
    ("job", "unused"),
    [
        (replace(JOB, removal=RemovalConfig(fill=FillConfig("steered"))), NETWORKS[1:2]),
        (replace(JOB, removal=RemovalConfig(key_pixels=KeyPixelConfig("evidence"))), NETWORKS[2:3]),
        (replace(JOB, finder=None), NETWORKS[3:]),
    ],
)
def test_weights_that_are_not_used_do_not_count(checkpoints, job, unused):
    before = describe_settings(job)
    for network in unused:
        change(checkpoints / network)
    assert describe_settings(job) == before
    for network in set(NETWORKS) - set(unused):
        change(checkpoints / network)
        assert describe_settings(job) != before
        before = describe_settings(job)


def test_the_finder_counts_where_boxes_are_given_too(checkpoints):
    job = replace(JOB, boxes="boxes.json")
    before = describe_settings(job)
    change(checkpoints / "finder" / "refiner.onnx")
    assert describe_settings(job) != before


@pytest.mark.parametrize(
    "job",
    [
        replace(JOB, removal=RemovalConfig(rounds=1)),
        replace(JOB, removal=RemovalConfig(fill=FillConfig(grain=0.5))),
        replace(JOB, removal=RemovalConfig(key_pixels=KeyPixelConfig(stroke=0.7))),
        replace(JOB, photo=PhotoConfig(strip_metadata=True)),
        replace(JOB, strict=True),
        replace(JOB, min_confidence=0.7),
    ],
)
def test_other_settings_are_other_settings(job):
    assert describe_settings(job) != describe_settings(JOB)


def test_settings_that_change_no_output_do_not_count():
    job = JobConfig("elsewhere", save_masks=True, dry_run=True, photo=PhotoConfig(max_pixels=1_000_000))
    assert describe_settings(job) == describe_settings(JOB)


def test_a_fill_of_ones_own_says_which_weights_it_uses(checkpoints, monkeypatch):
    class Pasted:
        name = "pasted"

        def weights(self, config):
            return ("torch-segmenter",)

    monkeypatch.setattr(FILLS, "_entries", dict(FILLS._entries))
    FILLS.register("pasted", Pasted())
    job = replace(JOB, removal=RemovalConfig(fill=FillConfig("pasted")))
    assert used_networks(job)["fill"] == [checkpoints / "torch-segmenter" / "model.pt"]


def test_a_missing_network_is_named(checkpoints):
    shutil.rmtree(checkpoints / "torch-finisher")
    with pytest.raises(InputError, match="torch-finisher"):
        used_networks(JOB)


def test_the_short_hash_changes_with_settings_and_digits():
    hashes = {short_hash(settings, digits) for settings in ("a", "b") for digits in ("1", "2", "\udcff")}
    assert len(hashes) == 6 and all(len(text) == 16 for text in hashes)
