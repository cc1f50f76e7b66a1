"""The page, served in a thread of the test, and what a browser is started with."""

import contextlib
import shutil
import threading
import time

import uvicorn

from svhn.jobs import JobConfig
from svhn.web import WebConfig, create_app

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """Return where the system's own browser is, if it has one."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


@contextlib.contextmanager
def served(folder=None, config=None, job=None):
    """Serve the page on a free port; yield its address, without a slash at the end."""
    app = create_app(config or WebConfig(), job or JobConfig(), folder)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)
