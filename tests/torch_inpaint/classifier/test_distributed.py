import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from bars import bars

from svhn.runs import read_history
from svhn.torch_inpaint.classifier.config import ConvNetTrainConfig
from svhn.torch_inpaint.classifier.distributed import Group, share_batch_norm
from svhn.torch_inpaint.classifier.nets import load_classifier
from svhn.torch_inpaint.classifier.train import train_network

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_pictures")]

ROOT = Path(__file__).parents[3]
HELPERS = ROOT / "tests" / "helpers"
# No dropout, which draws other numbers in each process; batches of 51 do not divide evenly.
CONFIG = ConvNetTrainConfig(
    net="ConvNet48_333", batch_size=51, epochs=3, learning_rate=0.002, average=0.9, label_smoothing=0.1
)
SCRIPT = """
import sys
import torch
from bars import bars
from test_distributed import CONFIG
from svhn.runs.loop import Run
from svhn.torch_inpaint.classifier.distributed import join
from svhn.torch_inpaint.classifier.train import train_network

torch.set_num_threads(1)
Run._draw = lambda run, best: None
with join("cpu") as group:
    result = train_network(bars(), CONFIG, sys.argv[1], resume=True, group=group)
    assert (result.record is not None) == group.leads
"""


def stop_after_an_epoch(progress):
    if progress.scores:
        raise RuntimeError("stopped")


def torchrun(folder, run_dir):
    """Go on with a run in two processes."""
    script = folder / "script.py"
    script.write_text(SCRIPT)
    paths = os.pathsep.join(map(str, (ROOT, HELPERS, Path(__file__).parent)))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    result = subprocess.run([*command, str(script), str(run_dir)], env=environment, timeout=600, **pipes)
    assert result.returncode == 0, result.stdout


def test_two_processes_go_on_with_a_run_and_train_the_network_of_one(tmp_path):
    run_dir = tmp_path / "two"
    with pytest.raises(RuntimeError, match="stopped"):
        train_network(bars(), CONFIG, run_dir, report=stop_after_an_epoch)
    assert not (run_dir / "record.json").exists() and (run_dir / "state").exists()
    torchrun(tmp_path, run_dir)
    record = train_network(bars(), CONFIG, tmp_path / "one").record
    one, two = (load_classifier(path / "model.pt").net.state_dict() for path in (tmp_path / "one", run_dir))
    for name, values in one.items():
        torch.testing.assert_close(two[name], values, rtol=1e-3, atol=5e-4, msg=lambda text, name=name: name + text)
    rows = (read_history(path / "history.csv") for path in (run_dir, tmp_path / "one"))
    for two, one in zip(*rows, strict=True):
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-3)
    assert "2 processes" in (run_dir / "two_results.txt").read_text()
    assert record.metrics["processes"] == 1


def test_shared_batch_norm_in_one_process_is_the_usual_one(tmp_path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'meet'}", rank=0, world_size=1)
    try:
        torch.manual_seed(0)
        usual = torch.nn.Sequential(torch.nn.BatchNorm2d(5))
        torch.nn.init.normal_(usual[0].weight)
        shared = torch.nn.Sequential(torch.nn.BatchNorm2d(5))
        shared.load_state_dict(usual.state_dict())
        share_batch_norm(shared)
        for training in (True, True, False):
            images = [(torch.randn(6, 5, 4, 4) * 3 + 7).requires_grad_() for _ in range(2)]
            images[1].data = images[0].data.clone()
            outputs = [net.train(training)(image) for net, image in zip((usual, shared), images, strict=True)]
            torch.testing.assert_close(outputs[1], outputs[0])
            for output in outputs:
                (output**3).sum().backward()
            torch.testing.assert_close(images[1].grad, images[0].grad, rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(shared.state_dict(), usual.state_dict())
        torch.testing.assert_close(shared[0].weight.grad, usual[0].weight.grad, rtol=1e-4, atol=1e-3)
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [0, 1, 5, 32])
def test_the_shares_of_all_processes_are_the_batch(size, count):
    parts = [list(range(count))[Group(rank, size).share(count)] for rank in range(size)]
    assert [digit for part in parts for digit in part] == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
