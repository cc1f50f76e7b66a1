import os

import pytest

from svhn.data.render.synthetic import SyntheticSettings, render_photo

os.environ.setdefault("OMP_NUM_THREADS", "2")


@pytest.fixture(scope="module")
def without_pictures():
    """Runs end without `report.png`, which takes longer to draw than small trainings take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("svhn.runs.loop.Run._draw", lambda run, best: None)
        yield


@pytest.fixture(scope="session")
def remover():
    from svhn.torch_inpaint import DigitRemover

    return DigitRemover.from_checkpoint(device="cpu")


@pytest.fixture(scope="session")
def rendered():
    """Thirty rendered photos of many kinds, with clean ground truth."""
    return [render_photo(seed) for seed in range(30)]


@pytest.fixture(scope="session")
def large():
    """A rendered photo with digits far taller than the working height."""
    return render_photo(5, SyntheticSettings(size=(900, 700), digit_height=(260, 300)))
