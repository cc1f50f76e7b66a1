"""A worker process of the page that does what the names of photos say."""

import os
import time

from svhn.errors import InputError
from svhn.jobs.engines import Stage


def answer_by_name(pipe, job, owner):
    """Do with an order what the name of its photo says."""
    while True:
        order = pipe.recv()
        name = getattr(getattr(order, "asked", None), "name", "fine")
        pipe.send(Stage.WORKING)
        if name == "hang":
            time.sleep(60)
        if name == "die":
            os._exit(9)
        pipe.send({"fail": RuntimeError("no"), "refuse": InputError("no")}.get(name, name))
