"""What the trainings of finder and refiners share: photos, and networks of few layers."""

import shutil
from pathlib import Path

import keras
import pytest
from keras import layers
from tf_runs import end_without_picture

from svhn.finder import LAYOUT, VIEWS
from svhn.photos.photo import write_rgb
from svhn.tf_models.finder import learner, refiner_learner
from svhn.tf_models.finder.graph import convolve


@pytest.fixture(scope="session")
def photos(written_tiny_svhn, tmp_path_factory) -> Path:
    """150 rendered training photos, and two without labels; `pseudo` has a digit of the first. Nobody writes here."""
    folder = tmp_path_factory.mktemp("photos") / "tiny"
    shutil.copytree(written_tiny_svhn.folder, folder)
    (folder / "unlabelled").mkdir()
    for i in range(2):
        write_rgb(folder / "unlabelled" / f"{i}.png", next(iter(written_tiny_svhn.photos["test"].values())))
    return folder


@pytest.fixture(scope="session")
def pseudo(photos) -> Path:
    (photos / "pseudo.csv").write_text("photo,left,top,width,height,label\n0.png,4,8,16,22,5\n")
    return photos / "pseudo.csv"


@pytest.fixture(scope="module")
def small_networks():
    """Let trainings build networks of two layers: what takes time in a short run is TensorFlow's graph of each layer.

    The real ones are asked for their gradients and their ONNX files, which takes no run.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learner, "build_finder", small_finder)
        patch.setattr(refiner_learner, "build_refiner", small_refiner)
        end_without_picture(patch)
        yield


def small_finder() -> keras.Model:
    """One answer for 4 by 4 pixels, as `build_finder` gives it."""
    x = inputs = keras.Input((None, None, 3), name="image")
    x = layers.Rescaling(1 / 64, -2.0, name="normalisation")(x)
    x = convolve(convolve(x, 8, "stem", strides=2), 8, "down4", strides=2)
    return keras.Model(inputs, layers.Conv2D(LAYOUT.channels, 1, name="answer")(x), name="small")


def small_refiner(view: str) -> keras.Model:
    """One answer for a crop, as `build_refiner` gives it."""
    size = VIEWS[view].size
    x = inputs = keras.Input((size, size, 3), name="image")
    x = convolve(convolve(x, 8, "stem", strides=2), 8, "stage1", strides=2)
    x = layers.Dropout(0.5, name="dropout")(x)
    return keras.Model(inputs, layers.Conv2D(LAYOUT.channels, x.shape[1], name="answer")(x), name="small")
