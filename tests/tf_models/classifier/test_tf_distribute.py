"""Several replicas learn what one learns: the same global batches, summed gradients, common batch statistics."""

import dataclasses
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tf_processes import start
from tf_runs import end_without_picture, history, keep_final_states, small_network, state

from svhn.data.prepared import read_prepared, write_prepared
from svhn.errors import InputError
from svhn.files import write_json
from svhn.tf_models.classifier import learner
from svhn.tf_models.classifier.config import TrainConfig
from svhn.tf_models.classifier.distribute import check_batch_size, make_strategy, spread
from svhn.tf_models.classifier.train import train_network as train


@dataclass(frozen=True)
class Task:
    """What one process of a distributed run does: train on the data of a file, in a folder that all share.

    `result` gets what comes back, as JSON; `cluster` is what `$TF_CONFIG` holds.
    """

    data: Path
    config: TrainConfig
    run_dir: Path
    kind: str
    result: Path
    cluster: dict | None = None


def work(task: Task) -> None:
    """Train without dropout, whose masks depend on the replicas."""
    patch = pytest.MonkeyPatch()
    keep_final_states(patch)
    end_without_picture(patch)
    build_without_dropout(patch)
    if task.cluster:
        os.environ["TF_CONFIG"] = json.dumps(task.cluster)
    else:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = make_strategy(task.kind)
    assert strategy.num_replicas_in_sync == 2
    result = train(read_prepared(task.data), task.config, task.run_dir, strategy=strategy)
    write_json(task.result, {"finished": result.finished, "record": result.record is not None})


def build_without_dropout(patch: pytest.MonkeyPatch) -> None:
    """Let learners build small networks without dropout, and with batch normalisation in place of `record` alone."""

    def without_dropout(name, statistics):
        model = small_network(normalised=name == "record")
        model.get_layer("dropout").rate = 0
        return model

    patch.setattr(learner, "build_graph", without_dropout)


def results(tasks: list[Task]) -> list[dict]:
    processes = [start(work, task) for task in tasks]
    try:
        for process in processes:
            process.join(600)
    finally:
        for process in processes:
            process.kill()
    assert [process.exitcode for process in processes] == [0] * len(tasks)
    return [json.loads(task.result.read_text()) for task in tasks]


@pytest.fixture
def alone(monkeypatch, tiny, tmp_path, final_states, quick_end):
    """Return a function that trains on one replica without dropout and returns the run's folder."""
    build_without_dropout(monkeypatch)

    def run(config: TrainConfig) -> Path:
        assert train(tiny, config, tmp_path / "alone").finished
        return tmp_path / "alone"

    return run


def assert_close(run_dir: Path, reference: Path) -> None:
    """The same weights, averages and moments; Adam makes a rounding error larger, never as large as a step."""
    found, expected = state(run_dir), state(reference)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if value.dtype == np.float32:
            np.testing.assert_allclose(found[name], value, rtol=2e-3, atol=5e-5, err_msg=name)
    rows, others = history(run_dir), history(reference)
    assert [row["iteration"] for row in rows] == [row["iteration"] for row in others]
    for row, other in zip(rows, others, strict=True):
        assert float(row["loss"]) == pytest.approx(float(other["loss"]), rel=1e-4)
        assert float(row["validation_loss"]) == pytest.approx(float(other["validation_loss"]), rel=1e-3)


@pytest.fixture
def task(config, tiny, tmp_path) -> Task:
    write_prepared(tmp_path / "tiny.h5", tiny)
    config = dataclasses.replace(config, iterations=12, interval=6)
    return Task(tmp_path / "tiny.h5", config, tmp_path / "run", "mirrored", tmp_path / "result.json")


def test_two_workers_learn_what_one_learns(task, alone, tmp_path):
    with socket.socket() as first, socket.socket() as second:
        ports = [(s.bind(("localhost", 0)), s.getsockname()[1])[1] for s in (first, second)]
    workers = {"worker": [f"localhost:{port}" for port in ports]}
    tasks = [
        dataclasses.replace(
            task,
            kind="multiworker",
            result=tmp_path / f"{index}.json",
            cluster={"cluster": workers, "task": {"type": "worker", "index": index}},
        )
        for index in range(2)
    ]
    assert results(tasks) == [{"finished": True, "record": True}, {"finished": True, "record": False}]
    assert_close(task.run_dir, alone(task.config))


def test_two_devices_share_their_batch_statistics(task, alone):
    """One step: later the roundings of the two ways grow, because ReLU and pooling switch at once."""
    config = dataclasses.replace(task.config, graph="record", iterations=1, warmup=0)
    assert results([dataclasses.replace(task, config=config)]) == [{"finished": True, "record": True}]
    reference, run_dir = alone(config), task.run_dir
    assert float(history(run_dir)[0]["loss"]) == pytest.approx(float(history(reference)[0]["loss"]), rel=1e-5)
    found, expected = state(run_dir), state(reference)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if value.dtype == np.float32:
            assert np.abs(found[name] - value).max() <= 0.05 * np.abs(value).max(), name
    trained, other = (keras.models.load_model(folder / "model.keras") for folder in (run_dir, reference))
    for layer in trained.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for name in ("moving_mean", "moving_variance"):
                value = getattr(other.get_layer(layer.name), name)
                np.testing.assert_allclose(getattr(layer, name), value, rtol=1e-4, atol=1e-5)


def test_replicas_get_parts_of_the_very_batch():
    class Two:
        """As much of a strategy of two workers as `spread` looks at."""

        num_replicas_in_sync = 2

        def distribute_datasets_from_function(self, of_worker):
            contexts = [tf.distribute.InputContext(2, worker, 2) for worker in range(2)]
            return [of_worker(context) for context in contexts]

    batches = tf.data.Dataset.range(3).map(lambda i: (tf.range(6) + 10 * tf.cast(i, tf.int32), tf.range(6)))
    parts = [[images.tolist() for images, _ in part.as_numpy_iterator()] for part in spread(Two(), batches, 6)]
    assert parts == [[[0, 1, 2], [10, 11, 12], [20, 21, 22]], [[3, 4, 5], [13, 14, 15], [23, 24, 25]]]
    with pytest.raises(InputError, match="multiple of 2 replicas, received 7"):
        check_batch_size(Two(), 7)


@pytest.mark.parametrize(
    "text", [None, "{", "{}", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}']
)
def test_a_cluster_that_is_not_described_is_refused(text, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(InputError, match=r"TF_CONFIG.*for example"):
        make_strategy("multiworker")
