"""What a figure, a drawing, a page or a file of text may take the place of."""

import os

import numpy as np
import pytest
from PIL import Image

from svhn.errors import InputError
from svhn.figures.targets import check_figure, check_not_inputs, check_page, check_pictures, check_text, write_drawing


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.new("RGB", (8, 8)).save(path)
    return path


def test_an_input_is_known_by_all_its_names(photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.png").symlink_to(photo)
    os.link(photo, tmp_path / "hard.png")
    for name in ("photo.png", "sub/../photo.png", str(photo), "link.png", "hard.png"):
        for given in (photo, "photo.png", "sub/../photo.png", f"file://{photo}"):
            with pytest.raises(InputError, match="overwrite an input"):
                check_not_inputs(["new.png", name], ["s3://bucket/1.png", given])
    check_not_inputs(["new.png", tmp_path / "sub" / "photo.png"], [photo, "s3://bucket/new.png", "missing.png"])


def test_a_vanished_input_is_known_too(tmp_path):
    with pytest.raises(InputError, match="overwrite an input"):
        check_not_inputs([tmp_path / "gone.png"], [tmp_path / "gone.png"])


def test_text_takes_no_pictures_place(photo, tmp_path):
    photo.rename(tmp_path / "lines")
    with pytest.raises(InputError, match="overwrite a picture"):
        check_text(tmp_path / "lines")
    with pytest.raises(InputError, match="name of a picture"):
        check_text(tmp_path / "new.jpg")
    (tmp_path / "old.jsonl").write_text("{}\n")
    check_text(tmp_path / "old.jsonl", [photo])


def test_a_page_takes_a_pages_place_only(photo, tmp_path):
    (tmp_path / "notes.html").write_text("my notes")
    (tmp_path / "page.html").write_text("<!DOCTYPE html>\n<html>")
    check_page(tmp_path / "page.html")
    check_page(tmp_path / "new.html")
    for name in ("notes.html", "photo.png", "new.png", "report.jsonl"):
        with pytest.raises(InputError, match=r"no page|page's name"):
            check_page(tmp_path / name)


def test_drawings_and_figures_may_be_drawn_again_but_photos_stay(photo, tmp_path):
    from matplotlib.figure import Figure

    Figure().savefig(tmp_path / "figure.png")
    write_drawing(tmp_path / "drawn.png", np.zeros((5, 5, 3), np.uint8))
    check_pictures([tmp_path / "figure.png", tmp_path / "drawn.png", tmp_path / "new.png"])
    check_figure(tmp_path / "drawn.png", photo)
    for check in (lambda: check_pictures([photo]), lambda: check_figure(photo, tmp_path / "other.png")):
        with pytest.raises(InputError, match="overwrite a picture"):
            check()
    with pytest.raises(InputError, match="overwrite an input"):
        check_pictures([tmp_path / "drawn.png"], [tmp_path / "drawn.png"])
