"""The reference's report, part by part: each part is there, with a command that makes it and a file that comes out."""

import re

import pytest
from documents import read

from benchmarks import make_reference

TEXT = read("docs/reference.md")
COMMANDS = make_reference.commands_of(TEXT)
ROWS = re.findall(r"^\| \[(.+?)\]\(#.*?\)(.*?) \| (.+?) \| (.+?) \|$", TEXT, re.MULTILINE)
PARTS = (
    "sample images",
    "class distribution before and after the split",
    "shapes per split",
    "gray conversion",
    "HDF5 store",
    "network diagrams with shapes and parameters",
    "loss and accuracy curves",
    "confusion matrix",
    "misclassified digits",
    "ave / total row",
    "table of PyTorch networks",
    "monitored metrics of winner and runner-up, over-fitting marked",
    "gradients of the input",
    "48 feature maps",
    "mean, std, mean - std",
    "35-bin histogram",
    "key pixels",
    "the digit's own filled crop",
    "GRNN with sigma, every third pixel",
    "parents before and after",
)


def test_every_part_of_the_report_has_its_row_in_order():
    assert len(ROWS) == len(PARTS)
    for part, (name, *_) in zip(PARTS, ROWS, strict=True):
        assert part in name


@pytest.mark.parametrize(("part", "_", "made_by", "comes_out"), ROWS, ids=lambda text: text[:30])
def test_what_comes_out_is_made_by_a_command_of_the_page(part, _, made_by, comes_out):
    for words in re.findall(r"`(.+?)`", made_by):
        command, *options = words.split()
        own = [line for line in COMMANDS if line.split()[1] == command]
        assert any(all(option in line for option in options) for line in own), words
    for name in re.findall(r"`(.+?)`", comes_out):
        folder = name.split("/")[0].split("*")[0]
        assert any(f"reference/{folder}" in line for line in COMMANDS), name


def test_the_pairs_that_are_drawn_are_those_that_are_named():
    named = re.findall(r"misclassified-(\d)-as-(\d)\.png", TEXT)
    assert named and all(any(f"--pair {true} {said}" in line for line in COMMANDS) for true, said in named)


def test_commands_run_one_after_the_other_and_a_failure_is_told(tmp_path, monkeypatch, capsys):
    page = tmp_path / "page.md"
    page.write_text("```sh\nsvhn models --json   # all\nsvhn classify \\\n    none.png --model none\nls\n```\n")
    monkeypatch.setattr(make_reference, "DOCUMENT", page)
    monkeypatch.setattr(make_reference, "FOLDER", tmp_path / "out")
    assert make_reference.main() == 1
    log = (tmp_path / "out" / "output.txt").read_text()
    assert "$ svhn models --json\n[" in log and "no model found" in log
    assert "failed: svhn classify      none.png --model none" in capsys.readouterr().out
    assert make_reference.main() == 1  # once more, in place of what it made
    (tmp_path / "out" / "output.txt").rename(tmp_path / "out" / "mine.txt")
    with pytest.raises(SystemExit, match="not made by this program"):
        make_reference.main()


def test_real_data_are_taken_where_they_are_and_a_sample_where_there_are_none(monkeypatch, tmp_path):
    monkeypatch.setattr(make_reference, "NEAR", tmp_path)
    monkeypatch.delenv("SVHN_DATA", raising=False)
    monkeypatch.delenv("PHOTO", raising=False)
    alone = make_reference.environment()
    assert "SVHN_DATA" not in alone and alone["PHOTO"] == make_reference.SAMPLE
    (tmp_path / "train_32x32.mat").touch()
    assert make_reference.environment()["SVHN_DATA"] == str(tmp_path)
