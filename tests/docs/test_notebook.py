"""The notebook is the page about Python, run: its cells give the outputs that stand in it."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from benchmarks.make_notebook import NOTEBOOK, make


@pytest.mark.slow
def test_running_it_again_gives_what_it_shows():
    written, made = json.loads(NOTEBOOK.read_text(encoding="utf-8")), make()
    assert [cell["source"] for cell in written["cells"]] == [cell["source"] for cell in made["cells"]]
    pictures = 0
    for old, new in zip(written["cells"], made["cells"], strict=True):
        for shown, now in zip(old.get("outputs", []), new.get("outputs", []), strict=True):
            assert shown["data"]["text/plain"] == now["data"]["text/plain"]
            if "image/png" in shown["data"]:
                pictures += 1
                before, after = (_picture(output["data"]["image/png"]) for output in (shown, now))
                assert np.abs(before - after).mean() < 1
    assert pictures == 2


def _picture(text):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB"), int)
