"""A network as Caffe's files; see `svhn.tf_models.export.to_caffe` for the files, `docs/caffe.md` for their use."""

from pathlib import Path

import keras
import tensorflow as tf

from svhn.tf_models.export.from_caffe import import_caffe
from svhn.tf_models.export.serving import answer_of
from svhn.tf_models.export.targets import Run
from svhn.tf_models.export.to_caffe import DEPLOY, WEIGHTS, write_caffe


class CaffeFiles:
    """A folder with prototxt files and a `.caffemodel`; the check reads them back into Keras."""

    suffix, marker, needs = "", DEPLOY, "'svhn[caffe]'"

    def write(self, model: keras.Model, path: Path) -> None:
        write_caffe(model, path)

    def load(self, path: Path) -> list[Run]:
        answer = answer_of(import_caffe(path / DEPLOY, path / WEIGHTS))
        return [lambda _, pixels: answer(tf.constant(pixels))]


CAFFE = CaffeFiles()
