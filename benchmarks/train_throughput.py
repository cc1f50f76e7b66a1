"""Training throughput against a bare `model.fit`: `python -m benchmarks.train_throughput`.

Ours: the pipeline with augmentation and the training step, as `train-tf` runs them. The rival: `model.fit` on float32
pixels that lie in memory, same graph, same optimiser, same batch, nothing else to do. Both take turns in one process,
so that a busy machine slows both, with deterministic operations, as `train-tf` sets them for the whole process.
"""

import argparse
import dataclasses
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from svhn.crops import to_gray
from svhn.data.prepared import PreparedData, Split, Statistics
from svhn.records import RunRecord
from svhn.tf_models.config import TrainConfig
from svhn.tf_models.graphs import build_graph
from svhn.tf_models.train import PACKAGES, _Run


def random_data(count: int) -> PreparedData:
    """Noise: throughput does not look at the pictures."""
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (count, 32, 32, 3), np.uint8)
    split = Split(rgb, to_gray(rgb), rng.integers(0, 10, count), np.arange(count))
    return PreparedData({"train": split}, Statistics.of(split), {"source": "random pixels"})


def our_loop(data: PreparedData, config: TrainConfig, run_dir: str) -> Callable[[], object]:
    """Return a function that trains for `config.interval` iterations, as `train-tf` does between checkpoints."""
    run = _Run(data, config, Path(run_dir))
    return lambda: run.advance(0, config.interval)


def bare_fit(data: PreparedData, config: TrainConfig) -> Callable[[], object]:
    """Return a function that lets Keras train for `config.interval` iterations."""
    model = build_graph(config.graph, data.statistics)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # XLA is several times slower than the plain graph on a CPU: the rival shall be a fast one.
    model.compile(keras.optimizers.Adam(config.learning_rate), loss, metrics=["accuracy"], jit_compile=False)
    pixels, labels = data["train"].gray[..., None].astype(np.float32), data["train"].labels
    return lambda: model.fit(pixels, labels, batch_size=config.batch_size, epochs=1, verbose=0)


def measure(rounds: int, config: TrainConfig) -> dict[str, list[float]]:
    """Return images/s of every round, after one round of each to warm up; who goes first alternates."""
    images = config.interval * config.batch_size
    data = random_data(images)
    with tempfile.TemporaryDirectory() as run_dir:
        plain = dataclasses.replace(config, augmentation=False)
        loops = {
            "train-tf": our_loop(data, config, run_dir),
            "train-tf without augmentation": our_loop(data, plain, run_dir),
            "model.fit": bare_fit(data, config),
        }
        rates = {name: [] for name in loops}
        for turn in range(rounds + 1):
            for name in sorted(loops, reverse=bool(turn % 2)):
                began = time.perf_counter()
                loops[name]()
                rates[name].append(images / (time.perf_counter() - began))
                if turn:
                    print(f"round {turn}: {name:30} {rates[name][-1]:7.0f} images/s", flush=True)
    return {name: values[1:] for name, values in rates.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="measured turns of each (default 7)")
    parser.add_argument("--iterations", type=int, default=200, help="optimiser steps per turn (default 200)")
    parser.add_argument("--batch-size", type=int, default=TrainConfig.batch_size)
    parser.add_argument("--output", help="write a record with all rates to this JSON file")
    options = parser.parse_args()
    config = TrainConfig(iterations=options.iterations, interval=options.iterations, batch_size=options.batch_size)
    rates = measure(options.rounds, config)
    medians = {name: median(values) for name, values in rates.items()}
    ratios = {name: median(np.divide(values, rates["model.fit"]).tolist()) for name, values in rates.items()}
    print(f"medians of {options.rounds} rounds:")
    for name, value in medians.items():
        print(f"{name:30} {value:7.0f} images/s, {ratios[name]:.2f} of model.fit in the same round")
    if options.output:
        record = RunRecord.new("train-throughput", config, {"source": "random pixels"}, PACKAGES)
        record.metrics = {"images_per_second": rates, "median": medians, "ratio_to_fit": ratios}
        record.write(options.output)


if __name__ == "__main__":
    main()
