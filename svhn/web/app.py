"""The application: page, API, and the guard before both."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.formparsers import MultiPartParser
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles

from svhn import __version__
from svhn.jobs import JobConfig, digit_source, used_networks
from svhn.web.api import AT_WORK, make_router
from svhn.web.config import WebConfig
from svhn.web.engine import Engine
from svhn.web.folder import PhotoFolder
from svhn.web.guard import Guard
from svhn.web.problems import add_handlers

STATIC = Path(__file__).parent / "static"


def create_app(
    config: WebConfig = WebConfig(), job: JobConfig = JobConfig(), folder: str | Path | None = None
) -> FastAPI:
    """Return the application; its processes start and end with it.

    Parameters
    ----------
    config : WebConfig
    job : JobConfig
        How photos are searched and filled; results are looked at as with `strict`.
    folder : str or Path, optional
        Whose photos are reviewed. Without it photos are dropped on the page.

    Raises
    ------
    InputError
        When a network is missing, a plan or box file cannot be used, or there is no such folder or no photo in it.
    """
    job = replace(job, photo=replace(job.photo, max_pixels=config.photo_pixels))
    used_networks(job)
    digit_source(job)  # so that a wrong box file is told of now, and not by every photo
    photos = None if folder is None else PhotoFolder(folder)
    engine = Engine(job, config)

    @contextlib.asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        engine.start()
        yield
        engine.stop()

    MultiPartParser.spool_max_size = config.max_bytes  # an upload is held in memory, never in a file
    app = FastAPI(
        title="svhn",
        version=__version__,
        description="Remove house numbers from photos, and read them.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=running,
        middleware=[Middleware(Guard, config=config, engine=engine, at_work=AT_WORK)],
    )
    add_handlers(app)
    app.include_router(make_router(engine, config, photos))

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app
