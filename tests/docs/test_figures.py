"""Every figure in the documents is that of a record."""

import re

import jinja2
import pytest
from documents import ROOT, read

from benchmarks.make_tables import DOCUMENTS, TABLE, TEMPLATES, environment, with_tables

PAGES = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]
# Rows of the cards of classifiers: `card` is the record of the network.
CARD = (
    "| {{ card.test_accuracy | percent(2) }} (95 % interval {{ card.test_accuracy_interval | span(2, 100) }} %)",
    "validation split (576 digits) | {{ card.validation_accuracy | percent(2) }}",
)
CLASSIFIERS = ("tf-record", "tf-seed", "tf-caffe", "tf-caffe-lrn", "torch-convnet48-dropout3")
# Figures in sentences, and in tables that people wrote: the document, and its words as a template of the records.
SENTENCES = (
    *((f"checkpoints/{name}/card.md", row) for name in CLASSIFIERS for row in CARD),
    ("docs/training.md", "at {{ train_throughput.reference['train-tf'].ratio_to_fit | number(2) }} times the rate of"),
    ("docs/scale.md", "{{ (1e4 * throughput['12mp'].work.removal_seconds.processor / 3.6) | round(-1) | int }} / 8 ="),
    ("checkpoints/torch-finisher/card.md", "{{ card.validation_psnr | number(2) }} dB; better than the GRNN in"),
    ("checkpoints/torch-finisher/card.md", "better than the GRNN in {{ card.validation_wins | percent(0) }} of"),
    (
        "checkpoints/torch-segmenter/card.md",
        "| {{ card.validation_recall | percent }}, {{ card.validation_precision | percent }} |",
    ),
    (
        "checkpoints/finder/card.md",
        "| whole number exactly right | 77.4 % | {{ finder.finder.whole_number | percent }} |",
    ),
    ("checkpoints/finder/card.md", "{{ finder.removed.after.true_digit_read | percent }} (chance"),
    ("checkpoints/finder/card.md", "(chance {{ (100 * finder.removed.after.chance) | number(1) }})"),
    ("checkpoints/finder/card.md", "| {{ finder.read_photos_per_second | number(1) }} |"),
)
FIGURE = re.compile(r"\d[\d,.]* (?:%|dB|photos/s)")
# Figures that are no results: what a setting, a rule or the reference's report says.
SETTINGS = {
    "docs/training.md": ("fall to 1 %", "13 % go to validation", "to 1 % along a cosine", "90.7 % of", "92.7 %"),
    "docs/results.md": ("Intervals are 95 %",),
}


@pytest.fixture(scope="module")
def templates() -> jinja2.Environment:
    return environment()


@pytest.mark.parametrize("page", PAGES)
def test_tables_are_those_of_the_records(page, templates):
    text = read(page)
    assert with_tables(text, templates) == text, "python -m benchmarks.make_tables writes them anew"


def test_every_template_is_shown_once():
    shown = [name for page in PAGES for _, name, *_ in TABLE.findall(read(page))]
    assert sorted(shown) == sorted(path.name.removesuffix(".md.j2") for path in TEMPLATES.glob("*.j2"))


@pytest.mark.parametrize(("page", "sentence"), SENTENCES)
def test_sentences_are_those_of_the_records(page, sentence, templates):
    folder = page.split("/")[-2].replace("-", "_")
    card = templates.globals.get(f"{folder}_model")
    assert templates.from_string(sentence).render(card=card) in read(page)


@pytest.mark.parametrize("page", PAGES)
def test_no_figure_stands_outside_of_tables_and_tested_sentences(page):
    rest = TABLE.sub("", read(page))
    for words in SETTINGS.get(page, ()):
        rest = rest.replace(words, "")
    assert FIGURE.findall(rest) == []


@pytest.mark.parametrize("page", [page for page in PAGES if TABLE.search(read(page))])
def test_a_changed_figure_is_noticed(page, templates):
    text = read(page)
    row = next(row for row in TABLE.search(text)[3].splitlines() if re.search(r"\d\.\d", row))
    digit = re.search(r"\d(?=\D*$)", row)  # the last one
    changed = row[: digit.start()] + str((int(digit[0]) + 1) % 10) + row[digit.end() :]
    assert with_tables(text.replace(row, changed), templates) != text.replace(row, changed)
