"""The endpoints of the API; every one that works on photos answers for one."""

import asyncio
import base64
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from fastapi.responses import JSONResponse

from svhn import __version__
from svhn.errors import InputError
from svhn.files import printable
from svhn.jobs.choice import plan_of, plan_text
from svhn.jobs.single import AskedPhoto
from svhn.web.config import WebConfig
from svhn.web.engine import Engine
from svhn.web.folder import PhotoFolder
from svhn.web.forms import Review, parse_boxes
from svhn.web.problems import described
from svhn.web.work import Explain, Find, Made, Order, Read, Remove

AT_WORK = ("/api/find", "/api/remove", "/api/read", "/api/explain")
_ERRORS = described(403, 408, 413, 421, 422, 429, 500, 504)
_MOST_NAME = 255

Upload = Annotated[UploadFile | None, File(description="The photo's file.")]
Named = Annotated[str | None, Form(description="Instead: the name of a photo of the folder that is reviewed.")]
Boxes = Annotated[
    str | None,
    Form(
        description="JSON: a list of [left, top, right, bottom] in pixels of the upright photo, or of a plan's digits."
    ),
]
Mask = Annotated[UploadFile | None, File(description="A picture of the photo's size; its white part is filled, too.")]
Pictures = Annotated[bool, Form(description="Also send pictures for a screen.")]


def make_router(engine: Engine, config: WebConfig, folder: PhotoFolder | None) -> APIRouter:
    """Return the endpoints, answered by an engine."""
    router = APIRouter(prefix="/api", responses=_ERRORS)

    async def asked(photo: UploadFile | None, name: str | None) -> AskedPhoto:
        if photo is not None:
            return AskedPhoto(_name_of(photo), await photo.read())
        if name is not None and folder is not None:
            return folder.ask(name)
        raise InputError("photo: expected a photo's file in the form's field photo, received none")

    async def answer(order: Order) -> Any:
        return await asyncio.wrap_future(engine.ask(order))

    @router.get("/health")
    async def health() -> dict[str, Any]:
        """Whether the server is there, and how many requests it has taken on."""
        return {"status": "ok", "taken": engine.taken, "places": config.queue + config.processes}

    @router.get("/version")
    async def version() -> dict[str, str]:
        """The version of the program."""
        return {"version": __version__}

    @router.get("/photos")
    async def photos() -> dict[str, Any]:
        """The photos of the folder that is reviewed; none where there is no folder."""
        listed = [] if folder is None else folder.photos()
        limits = {"max_bytes": config.max_bytes, "photo_pixels": config.photo_pixels}
        return {
            "folder": None if folder is None else folder.name,
            "photos": [{"name": photo.name, "bytes": photo.bytes} for photo in listed],
            "limits": limits,
        }

    @router.post("/find")
    async def find(photo: Upload = None, name: Named = None, pictures: Pictures = False) -> dict[str, Any]:
        """What would be removed from a photo: the fields of a dry run's report."""
        return await answer(Find(await asked(photo, name), config.view_side if pictures else None))

    @router.post("/read")
    async def read(photo: Upload = None, name: Named = None) -> dict[str, Any]:
        """The numbers of a photo, as `svhn read` reads them."""
        return await answer(Read(await asked(photo, name)))

    @router.post("/explain")
    async def explain(boxes: Annotated[str, Form()], photo: Upload = None, name: Named = None) -> dict[str, Any]:
        """How the numbers at some boxes are found and removed: pictures of each step."""
        return await answer(Explain(await asked(photo, name), parse_boxes(boxes)))

    @router.post("/remove", response_model=None, responses={200: _PHOTO})
    async def remove(
        request: Request,
        photo: Upload = None,
        name: Named = None,
        boxes: Boxes = None,
        mask: Mask = None,
        pictures: Pictures = False,
    ) -> Response:
        """The photo without its numbers, in its own format; with `Accept: application/json` the report's line with it.

        Boxes say exactly what is removed; without them it is what is found. A photo in which a number can be read
        still, or perhaps a digit is left, is refused, but for those who ask for JSON, where `error` says so.
        """
        digits = None if boxes is None else parse_boxes(boxes)
        hole = None if mask is None else await mask.read()
        order = Remove(await asked(photo, name), digits, hole, config.view_side if pictures else None)
        made = await answer(order)
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse(made.line | {"content": base64.b64encode(made.content).decode(), "format": made.format})
        return _photo_answer(made)

    @router.post("/plan")
    async def plan(review: Review) -> Response:
        """What was decided as a plan file, which `remove-digits --plan` follows."""
        text = plan_text(plan_of([photo.planned() for photo in review.photos]))
        return Response(text, media_type="application/json")

    return router


_PHOTO = {
    "description": "The photo, or with Accept: application/json the report's line and the photo as base64.",
    "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}, "application/json": {"schema": {}}},
}


def _photo_answer(made: Made) -> Response:
    """Return the photo itself; InputError where a number can be read in it."""
    if made.line.get("error"):
        raise InputError(made.line["error"])
    return Response(made.content, media_type=f"image/{made.format.lower()}")


def _name_of(photo: UploadFile) -> str:
    """Return what messages call an upload: its name without folders, on one line."""
    name = (photo.filename or "photo").replace("\\", "/").rpartition("/")[2]
    return printable(name[:_MOST_NAME]) or "photo"
