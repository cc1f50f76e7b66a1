import copy

import numpy as np
import pytest
import torch
from torch import nn

from svhn.errors import InputError
from svhn.torch_inpaint.learner import TorchLearner, average_of, set_rate


class Line(TorchLearner):
    """Learns a line from points that depend on the iteration only."""

    title = "a line"

    def __init__(self, seed=0, average=0.9):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        super().__init__(net, torch.optim.Adam(net.parameters(), lr=0.01), average)

    def step(self):
        points = torch.rand((8, 1), generator=torch.Generator().manual_seed(self.iteration))
        loss = (self.net(points) - 2 * points).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        set_rate(self.optimizer, 0.1 / (1 + self.iteration))
        self.optimizer.step()
        self.averaged.update_parameters(self.net)
        return loss.detach().double()[None]

    def measure(self):
        return {}

    def keep(self, folder):
        pass


def tensors(learner):
    return {**learner.net.state_dict(), **learner.averaged.state_dict()}


def test_the_average_is_that_of_the_formula():
    """Of weights and of batch normalisation's statistics; counts are those of the network."""
    learner = Line(average=0.7)
    expected = {name: value.clone().double() for name, value in learner.net.state_dict().items()}
    for step in range(30):
        learner.advance(1)
        decay = min(0.7, (1 + step) / (10 + step))
        for name, value in learner.net.state_dict().items():
            counts = not value.is_floating_point()
            expected[name] = value.double() if counts else decay * expected[name] + (1 - decay) * value.double()
        for name, value in learner.averaged.module.state_dict().items():
            torch.testing.assert_close(value.double(), expected[name], rtol=1e-5, atol=1e-6)


def test_an_average_of_decay_0_is_the_network_itself():
    learner = Line(average=0.0)
    learner.advance(5)
    for name, value in learner.averaged.module.state_dict().items():
        assert torch.equal(value, learner.net.state_dict()[name]), name


def test_the_average_takes_no_part_in_learning():
    net = nn.Linear(2, 2)
    averaged = average_of(net, 0.9)
    assert not any(weights.requires_grad for weights in averaged.parameters()) and not averaged.training
    assert all(weights.requires_grad for weights in net.parameters())


def test_a_restored_learner_goes_on_to_the_same_weights(tmp_path):
    whole, cut = Line(), Line()
    whole.advance(7)
    cut.advance(3)
    cut.save(tmp_path / "state", [1.5, 2.5])
    again = Line(seed=1)
    assert again.restore(tmp_path / "state") == [1.5, 2.5] and again.iteration == 3
    assert again.learning_rate == pytest.approx(0.1 / 3)
    losses = again.advance(4)
    assert losses.shape == (4, 1) and losses.dtype == np.float64
    expected = tensors(whole)
    assert all(torch.equal(value, expected[name]) for name, value in tensors(again).items())


def test_without_a_state_it_begins_and_a_damaged_one_is_named(tmp_path):
    learner = Line()
    before = copy.deepcopy(tensors(learner))
    assert learner.restore(tmp_path / "state") is None and learner.iteration == 0
    (tmp_path / "state").write_bytes(b"rubbish")
    with pytest.raises(InputError, match="state: damaged"):
        learner.restore(tmp_path / "state")
    assert all(torch.equal(value, before[name]) for name, value in tensors(learner).items())
