"""Training throughput against a bare `model.fit`: `python -m benchmarks.train_throughput`.

Ours: the pipeline with the preset's mix and augmentation and its training step with average and weight decay, as
`train-tf` runs them. The rival: `model.fit` on float32 pixels that lie in memory, same graph, same batch, plain Adam,
nothing else to do. Both take turns in one process, so that a busy machine slows both, with deterministic operations, as
`train-tf` sets them for the whole process.
"""

import argparse
import dataclasses
import os
import time
from collections.abc import Callable
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from svhn.crops import WIDE_SIZE
from svhn.data import PreparedData, Split, Statistics
from svhn.runs import RunRecord
from svhn.tf_models.classifier import PACKAGES, PRESETS, ClassifierLearner, TrainConfig, build_graph


def random_data(config: TrainConfig, count: int) -> PreparedData:
    """Noise in every split of the mix: throughput does not look at the pictures."""
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 256, (count, WIDE_SIZE, WIDE_SIZE, 3), np.uint8)
    split = Split.of_wide(wide, rng.integers(0, 10, count), np.arange(count))
    return PreparedData(dict.fromkeys(config.mix, split), Statistics.of(split), {"source": "random pixels"})


def our_loop(data: PreparedData, config: TrainConfig, turn: int) -> Callable[[], object]:
    """Return a function that trains for `turn` iterations, as `train-tf` does between two measurements."""
    learner = ClassifierLearner(config, data, tf.distribute.get_strategy())
    calls = turn // learner.report_every
    return lambda: [learner.advance(learner.report_every) for _ in range(calls)]


def bare_fit(data: PreparedData, config: TrainConfig, turn: int) -> Callable[[], object]:
    """Return a function that lets Keras train for `turn` iterations."""
    model = build_graph(config.graph, data.statistics)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # XLA is several times slower than the plain graph on a CPU: the rival shall be a fast one.
    model.compile(keras.optimizers.Adam(config.learning_rate), loss, metrics=["accuracy"], jit_compile=False)
    rng, count = np.random.default_rng(1), turn * config.batch_size
    pixels = rng.uniform(0, 255, (count, *model.input_shape[1:])).astype(np.float32)
    labels = rng.integers(0, 10, count)
    return lambda: model.fit(pixels, labels, batch_size=config.batch_size, epochs=1, verbose=0)


def measure(config: TrainConfig, rounds: int, turn: int) -> dict[str, np.ndarray]:
    """Return images per second and per second of processor time of every round, (rounds, 2), by name.

    One round of each warms up before; who goes first alternates.
    """
    config = dataclasses.replace(config, iterations=max(config.iterations, turn * (rounds + 1)))
    data = random_data(config, 4_000)
    plain = dataclasses.replace(config, augmentation=False)
    loops = {
        "train-tf": our_loop(data, config, turn),
        "train-tf without augmentation": our_loop(data, plain, turn),
        "model.fit": bare_fit(data, config, turn),
    }
    rates = {name: [] for name in loops}
    for number in range(rounds + 1):
        for name in sorted(loops, reverse=bool(number % 2)):
            began = np.array([time.perf_counter(), time.process_time()])
            loops[name]()
            seconds = np.array([time.perf_counter(), time.process_time()]) - began
            rates[name].append(turn * config.batch_size / seconds)
            print(f"round {number or 'of warming up'}: {name:30} {rates[name][-1][0]:7.0f} images/s", flush=True)
    return {name: np.array(values[1:]) for name, values in rates.items()}


def summarise(rates: dict[str, np.ndarray]) -> dict[str, dict[str, object]]:
    """Return by name the rates, their medians, and the medians of the ratios to `model.fit` in the same round."""
    return {
        name: {
            "images_per_second": values[:, 0].round(1).tolist(),
            "median": median(values[:, 0]),
            "ratio_to_fit": median(values[:, 0] / rates["model.fit"][:, 0]),
            "ratio_to_fit_per_processor_second": median(values[:, 1] / rates["model.fit"][:, 1]),
        }
        for name, values in rates.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--preset", choices=PRESETS, action="append", help="default: reference, seed and record")
    parser.add_argument("--rounds", type=int, default=7, help="measured turns of each (default 7)")
    parser.add_argument("--iterations", type=int, default=200, help="optimiser steps per turn (default 200)")
    parser.add_argument("--output", help="write a record with all rates to this JSON file")
    options = parser.parse_args()
    metrics = {}
    for preset in options.preset or ("reference", "seed", "record"):
        config = PRESETS[preset].config
        print(f"preset {preset}: graph {config.graph}, batch {config.batch_size}")
        metrics[preset] = summarise(measure(config, options.rounds, options.iterations))
        for name, row in metrics[preset].items():
            print(
                f"  median {name:30} {row['median']:7.0f} images/s, {row['ratio_to_fit']:.3f} of model.fit in the same "
                f"round, {row['ratio_to_fit_per_processor_second']:.3f} per second of processor time"
            )
    if options.output:
        settings = {"rounds": options.rounds, "iterations": options.iterations}
        record = RunRecord.new("train-throughput", settings, {"source": "random pixels"}, PACKAGES)
        record.metrics = metrics | {"load_average": os.getloadavg()}
        record.write(options.output)


if __name__ == "__main__":
    main()
