"""The table of the ablation: what is still to be run, and what the summary rows say."""

import csv

import numpy as np
import pytest

from benchmarks.ablation import SETTINGS, config_of, missing, read_rows, write_rows
from svhn.sweeps.analysis import update_table


def row(setting: str, seed: int, accuracy: float, graph: str = "record", iterations: int = 300) -> dict[str, str]:
    values = {"setting": setting, "graph": graph, "seed": seed, "iterations": iterations, "minutes": 2.0 + seed}
    return {name: str(value) for name, value in values.items()} | {"validation_accuracy": f"{accuracy:.5f}"}


def test_mean_and_standard_deviation_per_setting_graph_and_length(tmp_path):
    accuracies = {"all": [0.95, 0.96, 0.97], "augmentation": [0.90, 0.90, 0.93]}
    rows = [row(setting, seed, value) for setting in accuracies for seed, value in enumerate(accuracies[setting])]
    rows += [row("all", 0, 0.5, graph="seed"), row("all", 0, 0.6, iterations=20)]
    write_rows(tmp_path / "results.csv", rows[::-1])
    with (tmp_path / "results.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    summaries = {(r["setting"], r["graph"], r["iterations"], r["seed"]): r for r in table if not r["seed"].isdigit()}
    assert len(table) == len(rows) + 2 * 4
    for setting, values in accuracies.items():
        mean, std = (
            float(summaries[setting, "record", "300", name]["validation_accuracy"]) for name in ("mean", "std")
        )
        assert (mean, std) == (
            pytest.approx(np.mean(values), abs=1e-5),
            pytest.approx(np.std(values, ddof=1), abs=1e-5),
        )
        assert float(summaries[setting, "record", "300", "mean"]["minutes"]) == 3
    assert float(summaries["all", "seed", "300", "std"]["validation_accuracy"]) == 0
    assert sorted(map(str, read_rows(tmp_path / "results.csv"))) == sorted(map(str, map(ordered, rows)))


def ordered(content: dict[str, str]) -> dict[str, str]:
    """The columns in the order of the file."""
    names = ("setting", "graph", "seed", "validation_accuracy", "iterations", "minutes")
    return {name: content[name] for name in names}


def test_runs_that_have_a_row_are_not_planned_again():
    planned = [
        (setting, config_of(setting, "record", 300, seed)) for setting in ("all", "augmentation") for seed in (0, 1)
    ]
    rows = [row("all", 0, 0.9), row("all", 1, 0.9, iterations=20), row("augmentation", 1, 0.9, graph="seed")]
    assert [(setting, config.seed) for setting, config in missing(planned, rows)] == [
        ("all", 1),
        ("augmentation", 0),
        ("augmentation", 1),
    ]


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_differ_in_their_data_alone(setting):
    config, reference = config_of(setting, "seed", 100, 3), config_of("augmentation", "seed", 100, 3)
    same = ("graph", "iterations", "batch_size", "learning_rate", "weight_decay", "average", "interval", "seed")
    assert all(getattr(config, name) == getattr(reference, name) for name in same)
    assert config.augmentation == (setting != "no augmentation") and config.mix["train"] > 0


def test_other_tables_in_the_file_stay(tmp_path):
    path = tmp_path / "results.csv"
    update_table(path, [{"model": "ConvNet48", "validation_accuracy": "0.9100", "epochs": 60}])
    write_rows(path, [row("all", 0, 0.95)])
    update_table(path, [{"model": "ConvNet48", "validation_accuracy": "0.9200", "epochs": 90}])
    write_rows(path, [*read_rows(path), row("all", 1, 0.97)])
    with path.open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [(r["model"], r["setting"], r["seed"], r["validation_accuracy"], r["epochs"]) for r in table] == [
        ("", "all", "0", "0.95000", ""),
        ("", "all", "1", "0.97000", ""),
        ("", "all", "mean", "0.96000", ""),
        ("", "all", "std", "0.01414", ""),
        ("ConvNet48", "", "", "0.9200", "90"),
    ]
