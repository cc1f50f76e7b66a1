"""Errors as `application/problem+json` (RFC 9457), in the words of the command line, without paths and traces."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from svhn.errors import InputError
from svhn.web.engine import Busy, TooLong, WorkerDied

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger("svhn.web")


class Problem(BaseModel):
    """What went wrong: `detail` says what was expected, what was received, and what to do."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the answer that tells of a problem."""
    content = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail).model_dump()
    return JSONResponse(content, status, headers=headers, media_type=MEDIA_TYPE)


def busy(error: Busy) -> JSONResponse:
    """Return the answer to somebody who has to come back later."""
    return problem(
        429, f"all places are taken; come back in {error.retry_after} s", {"Retry-After": str(error.retry_after)}
    )


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what the OpenAPI says of answers with these statuses."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
        }
        for status in statuses
    }


def add_handlers(app: FastAPI) -> None:
    """Let an application answer errors so."""

    @app.exception_handler(InputError)
    async def of_input(request: Request, error: InputError) -> JSONResponse:
        return problem(422, str(error))

    @app.exception_handler(RequestValidationError)
    async def of_request(request: Request, error: RequestValidationError) -> JSONResponse:
        return problem(422, "; ".join(_in_words(row) for row in error.errors()))

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(TooLong)
    async def of_time(request: Request, error: TooLong) -> JSONResponse:
        return problem(504, str(error))

    @app.exception_handler(WorkerDied)
    async def of_worker(request: Request, error: WorkerDied) -> JSONResponse:
        return problem(500, f"the process that worked on this photo ended ({error}); try a smaller photo")

    @app.exception_handler(Exception)
    async def of_program(request: Request, error: Exception) -> JSONResponse:
        _LOG.error("%s %s", request.method, request.url.path, exc_info=error)
        return problem(500, "an error in this program; the server's log says more")


def _in_words(row: dict[str, Any]) -> str:
    """Return what is wrong with a part of a request: where, and what was expected."""
    place = ".".join(str(part) for part in row["loc"] if part not in ("body", "query", "path"))
    return f"{place or 'request'}: {row['msg']}"
