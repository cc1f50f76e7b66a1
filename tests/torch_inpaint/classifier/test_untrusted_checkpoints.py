"""A PyTorch checkpoint is data: what would run when it is unpickled is refused; see docs/security.md."""

import pickle
from pathlib import Path

import pytest
import torch

from svhn.errors import InputError
from svhn.torch_inpaint.classifier import load_classifier


class Program:
    """Something that runs when it is unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("ran"),))


def test_a_checkpoint_that_is_a_program_does_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weights": Program()}, "model.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Program(), protocol=2))
    for name in ("model.pt", "plain.pt"):
        with pytest.raises(InputError, match=name):
            load_classifier(tmp_path / name)
    assert not (tmp_path / "ran").exists()
