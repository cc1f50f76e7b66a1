"""Serving the page until somebody ends it."""

import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from svhn.errors import InputError
from svhn.jobs import JobConfig
from svhn.web.app import create_app
from svhn.web.config import WebConfig


def run_server(
    config: WebConfig = WebConfig(),
    job: JobConfig = JobConfig(),
    folder: str | Path | None = None,
    tell: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve the page and its API until Ctrl-C or SIGTERM.

    Parameters
    ----------
    config, job, folder
        See `create_app`.
    tell : callable
        Called with the page's address when it can be opened.

    Raises
    ------
    InputError
        As `create_app`, and when nothing can be served at this address.
    """
    app = create_app(config, job, folder)
    with _listening(config) as listener:
        host = f"[{config.host}]" if ":" in config.host else config.host
        tell(f"http://{host}:{listener.getsockname()[1]}/")
        options = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, lifespan="on")
        uvicorn.Server(options).run(sockets=[listener])


def _listening(config: WebConfig) -> socket.socket:
    """Return a socket that listens where the settings say; InputError when it cannot."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((config.host, config.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise InputError(
            f"{config.host}:{config.port}: cannot listen here ({error.strerror}); choose another --host or --port"
        ) from error
    return listener
