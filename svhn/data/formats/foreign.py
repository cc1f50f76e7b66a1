"""Files that other people's tools wrote: read within bounds, and what is wrong with them is said in one line."""

import json
import math
import os
import stat
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from svhn.errors import InputError
from svhn.files import printable

# The largest of COCO's own files has 0.45 GB (instances_train2017.json); Python's objects take ten times a file's size.
MOST_JSON_BYTES = 1 << 29
# One photo's boxes, or the names of classes.
MOST_TEXT_BYTES = 1 << 24
# Elements inside one another; VOC has five.
_MOST_XML_DEPTH = 50
_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}


def read_foreign(path: Path, most_bytes: int, cure: str) -> bytes:
    """Return the content of a file; InputError where there is none, it is no regular file, or larger than allowed.

    Parameters
    ----------
    path : Path
    most_bytes : int
    cure : str
        What to do about it, the end of the message.
    """
    name = printable(path)
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise InputError(f"{name}: expected a file, received a folder, pipe or device; {cure}")
            if found.st_size > most_bytes:
                raise InputError(f"{name}: {found.st_size:,} bytes, expected at most {most_bytes:,}; {cure}")
            return file.read(most_bytes)
    except FileNotFoundError as error:
        raise InputError(f"{name}: no such file; {cure}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or printable(error)
        raise InputError(f"{name}: cannot be read ({reason}); {cure}") from error


def read_text(path: Path, cure: str) -> str:
    """Return a short text file: UTF-8, or UTF-16 with a byte-order mark."""
    content = read_foreign(path, MOST_TEXT_BYTES, cure)
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"{printable(path)}: expected text in UTF-8, received other bytes; {cure}") from error


def read_json(path: Path, kind: str, cure: str) -> Any:
    """Return the content of a JSON file in UTF-8, UTF-16 or UTF-32, with or without a byte-order mark.

    `kind` is what it should have been, for example "a COCO file".
    """
    content = read_foreign(path, MOST_JSON_BYTES, cure)
    try:
        return json.loads(content)
    except RecursionError as error:
        raise InputError(f"{printable(path)}: not {kind} (JSON nested too deeply); {cure}") from error
    except ValueError as error:  # damaged, of another encoding, or with a number of thousands of digits
        raise InputError(f"{printable(path)}: not {kind} ({printable(error)}); {cure}") from error


def read_xml(path: Path, kind: str, cure: str) -> ElementTree.Element:
    """Return the root of a small XML file; document types, and so all entities of its own, are refused."""
    content = read_foreign(path, MOST_TEXT_BYTES, cure)
    try:
        _check_xml(content)
        return ElementTree.fromstring(content)
    except (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise InputError(f"{printable(path)}: not {kind} ({printable(error)}); {cure}") from error


def _check_xml(content: bytes) -> None:
    """Raise ValueError for a document type or deep nesting, before anything is built of it."""
    parser, depth = expat.ParserCreate(), 0

    def refuse(*declaration: object) -> None:
        raise ValueError("a document type, expected none")

    def enter(*element: object) -> None:
        nonlocal depth
        depth += 1
        if depth > _MOST_XML_DEPTH:
            raise ValueError("nested too deeply")

    def leave(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartDoctypeDeclHandler, parser.StartElementHandler, parser.EndElementHandler = refuse, enter, leave
    parser.Parse(content, True)


def number(value: Any, what: str) -> float:
    """Return a finite number; ValueError that names `what` for anything else, truth values and texts too."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ValueError(f"{what}: expected a number, received {shortened(value)}")
    try:
        found = float(value)
    except OverflowError:  # a whole number of hundreds of digits
        found = math.inf
    if not math.isfinite(found):
        raise ValueError(f"{what}: expected a finite number, received {shortened(value)}")
    return found


def parsed(text: str | None, what: str) -> float:
    """Return the finite number that a text stands for; ValueError that names `what`."""
    try:
        return number(float(text or ""), what)
    except ValueError as error:
        raise ValueError(f"{what}: expected a finite number, received {shortened(text)}") from error


def shortened(value: Any) -> str:
    """Return a value as an error shows it: on one line, and not longer than a glance."""
    if isinstance(value, (list, dict)):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, int) and value.bit_length() > 64:
        return "a number of more than 64 bits"
    text = printable(repr(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _without_waiting(path: str, flags: int) -> int:
    """Open a pipe that nobody writes to without waiting for a writer."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
