import pytest
import torch

from svhn.errors import InputError
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
