"""Starting TensorFlow up without what its C++ part prints."""

import os
import sys


def start_tensorflow(compute: bool = True) -> None:
    """Import TensorFlow and start it up without the lines that its C++ part prints whatever the log level.

    Parameters
    ----------
    compute : bool
        False imports it only: a cluster must be set up before anything is computed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import tensorflow

        if compute:
            tensorflow.constant(0)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
