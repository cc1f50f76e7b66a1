from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from svhn.commands.group import cli
from svhn.errors import InputError
from svhn.sweeps import SweepFolder, start_sweep
from svhn.torch_inpaint.classifier.distributed import join
from svhn.torch_inpaint.device import choose_device


def test_cuda_is_asked_for_by_name():
    if torch.cuda.is_available():
        assert choose_device("auto").type == "cuda"
    else:
        assert choose_device("auto").type == "cpu"
        with pytest.raises(InputError, match="CUDA"):
            choose_device("cuda")


def test_a_device_that_nobody_knows_is_refused():
    with pytest.raises(InputError, match="expected auto, cpu, cuda, cuda:1 or mps, received 'abacus'"):
        choose_device("abacus")


def test_devices_that_are_not_there_are_refused(monkeypatch):
    """Whatever this machine has."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(InputError, match="there are 2 CUDA devices"):
        choose_device("cuda:2")
    with pytest.raises(InputError, match="received 'meta'"):
        choose_device("meta")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match="no MPS device"):
        choose_device("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("mps") == torch.device("mps")


@pytest.fixture
def no_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


REFUSED = [("cuda:1", "no CUDA device found"), ("mps", "no MPS device found"), ("abacus", "received 'abacus'")]


@pytest.mark.parametrize("device, words", REFUSED)
def test_train_torch_and_sweep_take_what_the_remover_takes(device, words, no_device, tmp_path, monkeypatch):
    """And refuse it before anything is written."""
    monkeypatch.chdir(tmp_path)
    Path("plan.yaml").write_text("runs:\n  - {net: ConvNet48_333}\n")
    for line in (["train-torch", "--run-dir", "run"], ["sweep", "plan.yaml", "--dir", "sweep"]):
        result = CliRunner().invoke(cli, [*line, "--data", "synthetic", "--device", device])
        assert result.exit_code == 1 and words in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["plan.yaml"]


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps"])
def test_a_sweep_of_train_tf_takes_no_device_of_pytorch(device, tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text("runs:\n  - {graph: seed}\n")
    with pytest.raises(InputError, match=f"expected auto or cpu for runs of train-tf, received '{device}'"):
        start_sweep(plan, SweepFolder(tmp_path / "sweep"), "synthetic", device=device)
    assert not (tmp_path / "sweep").exists()


def test_the_processes_of_torchrun_share_no_single_device(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="expected cpu or cuda"), join("cuda:1"):
        pass
