import re
from pathlib import Path

import pytest

from svhn.errors import InputError
from svhn.sweeps.plan import read_plan
from svhn.torch_inpaint.classifier.config import NETWORKS, OPTIMIZERS, ConvNetTrainConfig

ROOT = Path(__file__).parents[2]


@pytest.fixture
def read(tmp_path):
    def write_and_read(text):
        (tmp_path / "sweep.yaml").write_text(text)
        return read_plan(tmp_path / "sweep.yaml")

    return write_and_read


def test_a_list_of_runs(read):
    runs = read("- {net: ConvNet32, lr: 0.1}\n- net: ConvNet48\n  opt: Adam\n  name: mine\n  augmentation: no\n")
    assert [run.name for run in runs] == ["ConvNet32-SGD-b32-lr0.1-augmentation=True", "mine"]
    assert runs[0].config == ConvNetTrainConfig(net="ConvNet32", learning_rate=0.1)
    assert runs[1].config == ConvNetTrainConfig(net="ConvNet48", optimizer="Adam", augmentation=False)


def test_a_grid_is_every_combination_once(read):
    runs = read("net: [ConvNet32, ConvNet48]\nopt: [SGD, Adam, ASGD]\nbatch: [32, 256]\nlr: 1e-3\n")
    assert len(runs) == len({run.name for run in runs}) == 12
    assert {(r.config.net, r.config.optimizer, r.config.batch_size) for r in runs} == {
        (net, opt, batch)
        for net in ("ConvNet32", "ConvNet48")
        for opt in ("SGD", "Adam", "ASGD")
        for batch in (32, 256)
    }
    assert {run.config.learning_rate for run in runs} == {0.001}


def test_settings_have_the_names_of_both_vocabularies(read):
    old = read("- {batch: 64, lr: 0.1, opt: Adam}\n")
    new = read("- {batch_size: 64, learning_rate: 0.1, optimizer: Adam}\n")
    assert old == new and new[0].config == ConvNetTrainConfig(batch_size=64, learning_rate=0.1, optimizer="Adam")


def test_defaults_hold_for_all_runs_and_give_way(read):
    runs = read("defaults: {epochs: 7, lr: [0.1, 0.2]}\nruns: [{net: ConvNet32}, {net: ConvNet48, lr: 1, epochs: 3}]")
    assert [(run.config.net, run.config.learning_rate, run.config.epochs) for run in runs] == [
        ("ConvNet32", 0.1, 7),
        ("ConvNet32", 0.2, 7),
        ("ConvNet48", 1.0, 3),
    ]


def test_names_tell_runs_apart_by_what_differs(read):
    runs = read("- seed: [1, 2]\n  mix: [{train: 1}, {train: 0.7, pseudo: 0.3}]\n")
    assert [run.name.removeprefix("ConvNet48_Dropout3-SGD-b32-lr0.005") for run in runs] == [
        "-mix=train1-seed=1",
        "-mix=train0.7+pseudo0.3-seed=1",
        "-mix=train1-seed=2",
        "-mix=train0.7+pseudo0.3-seed=2",
    ]


@pytest.mark.parametrize(
    "text, words",
    [
        ("- net: ConvNet32\n- optt: SGD\n", "line 2: no setting named 'optt'; did you mean opt?"),
        ("- net: ConvNet33\n", "line 1: net: expected one of ConvNet32, "),
        ("defaults: {lr: -1}\nruns: [{net: ConvNet32}]\n", "line 1: learning_rate: expected more than 0, received -1"),
        ("- net: ConvNet32\n  lr: .1\n  learning_rate: .1\n", "line 3: learning_rate is given twice"),
        ("- batch: 1\n  mix: {train: 0.9, pseudo: 0.1}\n", "line 1: mix: a batch of 1 has no room for pseudo"),
        ("- mix: 3\n", "line 1: mix: expected shares"),
        ("defaults: 3\nruns: [{net: ConvNet32}]\n", "line 1: expected settings"),
        ("- epochs: 0\n", "line 1: epochs: expected at least 1, received 0"),
        ("- epochs: many\n", "line 1: epochs: expected a whole number, received 'many'"),
        ("- epochs: 2.5\n", "a whole number"),
        ("- batch: true\n", "a whole number"),
        ("- lr: fast\n", "line 1: learning_rate: expected a number, received 'fast'"),
        ("- augmentation: 1\n", "true or false"),
        ("- average: 1.0\n", "less than 1"),
        ("- mix: {train: 1, pseudos: 1}\n", "shares of train, pseudo"),
        ("- mix: {pseudo: 1}\n", "a share of train"),
        ("- {net: ConvNet32, net: ConvNet48}\n", "net is given twice"),
        ("- {net: [ConvNet32, ConvNet48], name: one}\n", "line 1: one name for 2 runs"),
        ("- name: ../away\n", "cannot name a folder"),
        ("- net: ConvNet32\n- net: ConvNet32\n", "line 2: the run .* is there twice"),
        ("runs: []\n", "no runs"),
        ("runs: [{net: ConvNet32}]\njobs: 3\n", "line 2: expected defaults and runs, received 'jobs'"),
        ("- SGD\n", "line 1: expected settings"),
        ("just words\n", "expected a list of runs"),
        ("", "expected a list of runs"),
        ("- net: [ConvNet32\n", "line 2: not YAML"),
        ("- net: !!python/object/apply:os.system [echo]\n", "line 1"),
        ("- net: []\n", "no value for net"),
        ("- {seed: [" + ",".join(map(str, range(1001))) + "]}\n", "at most 1,000"),
    ],
)
def test_errors_name_the_line(read, text, words):
    with pytest.raises(InputError, match=words if ".*" in words else re.escape(words)) as error:
        read(text)
    assert "sweep.yaml" in str(error.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"none\.yaml"):
        read_plan(tmp_path / "none.yaml")


def test_the_files_that_come_with_the_project():
    family = read_plan(ROOT / "sweeps" / "family.yaml")
    assert [run.config.net for run in family] == list(NETWORKS)[:7]
    reference = read_plan(ROOT / "sweeps" / "reference.yaml")
    assert len(reference) == 22
    assert {run.config.net for run in reference} == set(NETWORKS)
    assert {run.config.optimizer for run in reference} == set(OPTIMIZERS)
    assert {run.config.learning_rate for run in reference} == {0.001, 0.005, 0.01}
    assert {run.config.schedule for run in reference} == {"constant"}
