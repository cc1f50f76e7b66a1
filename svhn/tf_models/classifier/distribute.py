"""Training on several devices or machines with tf.distribute: one global batch, a part of it for every replica.

The sum of the replicas' gradients is the gradient of the whole batch, and batch normalisation takes its statistics over
all replicas, so the number of replicas changes a run by rounding only. Dropout is the exception: every replica draws
the same masks for its own part.
"""

import json
import os

import keras
import tensorflow as tf

from svhn.errors import InputError

EXAMPLE = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'


def make_strategy(kind: str | None) -> tf.distribute.Strategy:
    """Return how to spread a run.

    Parameters
    ----------
    kind : str or None
        "mirrored" for all GPUs of this machine (without one: its logical CPU devices), "multiworker" for the machines
        named in `$TF_CONFIG`, None for a single device. "multiworker" must come before TensorFlow computes anything.

    Raises
    ------
    InputError
        When `$TF_CONFIG` is missing or wrong.
    """
    if kind is None:
        return tf.distribute.get_strategy()
    if kind == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    _check_cluster(os.environ.get("TF_CONFIG", ""))
    return tf.distribute.MultiWorkerMirroredStrategy()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Say whether this process is the one that writes files."""
    return strategy.extended.should_checkpoint


def is_alone(strategy: tf.distribute.Strategy) -> bool:
    """Say whether there is no other process that a stop of this one would leave waiting."""
    return not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def check_batch_size(strategy: tf.distribute.Strategy, batch_size: int) -> None:
    """Raise InputError when a batch cannot be divided among the replicas."""
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise InputError(f"expected a batch size that is a multiple of {replicas} replicas, received {batch_size}")


def spread(strategy: tf.distribute.Strategy, batches: tf.data.Dataset, batch_size: int):
    """Hand every replica its part of the very same batches.

    Parameters
    ----------
    strategy : tf.distribute.Strategy
    batches : tf.data.Dataset
        Of (images, labels), each of `batch_size` rows.
    batch_size : int
        A multiple of the number of replicas.

    Returns
    -------
    tf.data.Dataset or tf.distribute.DistributedDataset
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return batches
    part = batch_size // replicas

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        here = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * here * part

        def cut(values: tf.Tensor) -> tf.Tensor:
            mine = values[first : first + here * part]
            return tf.reshape(mine, tf.concat([[here, part], tf.shape(mine)[1:]], axis=0))

        return batches.map(lambda images, labels: (cut(images), cut(labels))).unbatch()

    return strategy.distribute_datasets_from_function(of_worker)


def synchronise_normalisation(model: keras.Model, strategy: tf.distribute.Strategy) -> None:
    """Let batch normalisation take its statistics over all replicas."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = strategy.num_replicas_in_sync > 1


def _check_cluster(text: str) -> None:
    try:
        config = json.loads(text)
        task = config["task"]
        config["cluster"][task["type"]][task["index"]]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(
            f"$TF_CONFIG: expected the cluster and this worker's place in it, received {text!r}; for example {EXAMPLE}"
        ) from error
