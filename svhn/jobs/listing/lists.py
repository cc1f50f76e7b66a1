"""Lists of photos in a file: one a line or separated by NUL, with whatever mark an editor put before them."""

import codecs
import os
import sys
from pathlib import Path

from svhn.errors import InputError
from svhn.files import printable

STANDARD_INPUT = "-"
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SAMPLE = 200  # bytes; in UTF-16 every other one of them is 0


def read_list(path: str) -> list[str]:
    """Return the names in a list; "-" is standard input.

    Raises
    ------
    InputError
        When it cannot be read.
    """
    try:
        content = sys.stdin.buffer.read() if path == STANDARD_INPUT else Path(path).read_bytes()
    except OSError as error:
        raise InputError(
            f"{printable(path)}: cannot read this list ({error.strerror}); expected one photo a line"
        ) from error
    content = _in_the_coding_of_names(content, path)
    names = content.split(b"\0") if b"\0" in content else [line.rstrip(b"\r") for line in content.split(b"\n")]
    return [os.fsdecode(name) for name in names if name]


def _in_the_coding_of_names(content: bytes, path: str) -> bytes:
    """Return a list without its byte-order mark; one in UTF-16, as PowerShell writes it, as names of files are."""
    if content.startswith(codecs.BOM_UTF8):
        return content[len(codecs.BOM_UTF8) :]
    if (coding := _utf_16(content)) is None:
        return content
    try:
        return os.fsencode(content.decode(coding))
    except UnicodeError as error:
        raise InputError(
            f"{printable(path)}: looks like a list in UTF-16, but breaks off or is damaged; save it as UTF-8"
        ) from error


def _utf_16(content: bytes) -> str | None:
    """Return which kind of UTF-16 a list is written in, by its mark or its zeros; None for another coding."""
    if content.startswith(_UTF_16_MARKS):
        return "utf-16"
    sample = content[:_SAMPLE]
    low, high = sample[1::2].count(0), sample[::2].count(0)
    if max(low, high) <= len(sample) // 4:  # names separated by NUL have a few
        return None
    return "utf-16-le" if low > high else "utf-16-be"
