"""What each kind of training data is worth: `python -m benchmarks.ablation --data ../shared/data/svhn`.

Trains every setting with several seeds, each in a process of its own, measures on the validation split, and writes
checkpoints/results.csv: a row per run, then mean and standard deviation per setting. Rows that are there already are
not run again, so an interrupted ablation goes on where it stopped; rows of other tables in the file stay as they are.
The photos are split once, with seed 0, for all runs: the seeds differ in weights, order and augmentation. Nothing here
reads the test split.
"""

import csv
import dataclasses
import multiprocessing
import os
import tempfile
import time
from pathlib import Path
from statistics import mean, stdev

import click

from svhn.checkpoints import pseudo_labels
from svhn.files import replacing
from svhn.tf_models.classifier import PRESETS, TrainConfig

# Setting -> augmentation, and the mix of a batch.
SETTINGS = {
    "no augmentation": (False, {"train": 1.0}),
    "augmentation": (True, {"train": 1.0}),
    "+ synthetic": (True, {"train": 0.7, "synthetic": 0.3}),
    "+ copy-paste": (True, {"train": 0.8, "copy_paste": 0.2}),
    "+ pseudo-labels": (True, {"train": 0.6, "pseudo": 0.4}),
    "all": (True, PRESETS["record"].config.mix),
}
COLUMNS = ("setting", "graph", "seed", "validation_accuracy", "iterations", "minutes")


def config_of(setting: str, preset: str, iterations: int, seed: int) -> TrainConfig:
    """Return the preset cut to `iterations`, with the setting's data; 20 measurements per run."""
    augmentation, mix = SETTINGS[setting]
    config = PRESETS[preset].config
    return dataclasses.replace(
        config,
        iterations=iterations,
        warmup=min(config.warmup, iterations // 10),
        interval=max(iterations // 20, 1),
        augmentation=augmentation,
        mix=mix,
        seed=seed,
    )


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read the rows of single runs."""
    rows = [row for row in _read_table(path)[1] if row.get("setting") and row["seed"].isdigit()]
    return [{name: row[name] for name in COLUMNS} for row in rows]


def _read_table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Read the columns and all rows of a file that may hold other tables, too, or not be there."""
    if not path.exists():
        return [], []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        return list(reader.fieldnames or []), list(reader)


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    """Write the rows of single runs, then a mean and a standard deviation per setting and graph, then other tables."""
    order = list(SETTINGS)
    rows = sorted(rows, key=lambda row: (row["graph"], order.index(row["setting"]), int(row["seed"])))
    columns, table = _read_table(path)
    columns = list(dict.fromkeys([*COLUMNS, *columns]))
    others = [row for row in table if not row.get("setting")]
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, *summaries(rows), *others])


def summaries(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return rows with `mean` and `std` (of the sample) in the place of the seed."""
    groups = {}
    for row in rows:
        groups.setdefault((row["setting"], row["graph"], row["iterations"]), []).append(row)
    measures = {"mean": mean, "std": lambda values: stdev(values) if len(values) > 1 else 0.0}
    return [
        {"setting": setting, "graph": graph, "seed": name, "iterations": iterations}
        | {
            column: f"{measure([float(row[column]) for row in group]):.{digits}f}"
            for column, digits in (("validation_accuracy", 5), ("minutes", 2))
        }
        for (setting, graph, iterations), group in groups.items()
        for name, measure in measures.items()
    ]


def missing(planned: list[tuple[str, TrainConfig]], rows: list[dict[str, str]]) -> list[tuple[str, TrainConfig]]:
    """Return those of the planned runs, (setting, config), that have no row."""
    done = {(row["setting"], row["graph"], int(row["seed"]), int(row["iterations"])) for row in rows}
    return [
        (setting, config)
        for setting, config in planned
        if (setting, config.graph, config.seed, config.iterations) not in done
    ]


def run(task: tuple[str, str, TrainConfig]) -> dict[str, str]:
    """Train in this process, alone in it, on one core, and return the row of the run."""
    data, setting, config = task
    from svhn.data import load_mix
    from svhn.tf_models.classifier import train_network

    digits = load_mix(data, config.mix, pseudo_labels(), seed=0, splits=("train",))
    digits.splits.pop("test", None)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        record = train_network(digits, config, folder).record
    values = (setting, config.graph, config.seed, f"{record.metrics['validation_accuracy']:.5f}", config.iterations)
    return dict(zip(COLUMNS, [*map(str, values), f"{(time.perf_counter() - began) / 60:.2f}"], strict=True))


@click.command()
@click.option("--data", required=True, help="Folder with SVHN's files, or a prepared .h5 with all splits (quicker).")
@click.option("--setting", "settings", multiple=True, type=click.Choice(SETTINGS), help="Default: all of them.")
@click.option("--preset", type=click.Choice(PRESETS), default="record", show_default=True, help="Recipe and graph.")
@click.option("--iterations", type=click.IntRange(min=2), default=3_000, show_default=True)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Runs of each setting.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Runs at a time, a core each.")
@click.option("--output", type=click.Path(path_type=Path), default="checkpoints/results.csv", show_default=True)
def main(data, settings, preset, iterations, seeds, jobs, output):
    """Train what is not yet in the table, and write the table after every run."""
    rows = read_rows(output)
    planned = [
        (setting, config_of(setting, preset, iterations, seed))
        for seed in range(seeds)
        for setting in settings or SETTINGS
    ]
    tasks = [(data, setting, config) for setting, config in missing(planned, rows)]
    click.echo(f"{len(planned) - len(tasks)} of {len(planned)} runs are in {output}")
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # A fresh process for every run: TensorFlow keeps memory, and determinism is set for a whole process.
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=1) as pool:
        for row in pool.imap_unordered(run, tasks):
            rows.append(row)
            write_rows(output, rows)
            click.echo("  ".join(row.values()))


if __name__ == "__main__":
    main()
