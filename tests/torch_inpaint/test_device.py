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
    with pytest.raises(InputError, match="expected auto, cpu, cuda or cuda:1, received 'abacus'"):
        choose_device("abacus")
