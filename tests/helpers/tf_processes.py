"""Processes with TensorFlow for tests that kill or join them, started in a moment."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess

# It forks from a process that has imported TensorFlow and not started it. Importing takes as long as a short run.
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["svhn.tf_models.classifier.train", "tf_runs"])


def start(function: Callable, *arguments) -> BaseProcess:
    """Call a function of a module in a process of its own."""
    process = _SERVER.Process(target=_call, args=(function, *arguments))
    process.start()
    return process


def _call(function: Callable, *arguments) -> None:
    leave_graphs()
    function(*arguments)


def leave_graphs() -> None:
    """Let TensorFlow run graphs as they are: rewriting them costs more than the few steps of a test gain by it."""
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
