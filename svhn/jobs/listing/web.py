"""Folders on a web server: the photos that its pages link to, with limits, and names that stay inside any folder."""

import time
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from svhn.errors import InputError
from svhn.jobs.output import read_bytes

# A page of a million links has about so many bytes; a server that sends more lists nothing.
PAGE_BYTES = 64 << 20
# Pages that one listing looks at, each of them a folder.
MOST_PAGES = 10_000


class _Links(HTMLParser):
    """Collects where the links of a page lead."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attributes if tag == "a" and name == "href" and value]


def list_web_folder(url: str, recursive: bool, seconds: float) -> list[str]:
    """Return the URLs of the files that the page of a folder links to and that lie below it, sorted.

    Parameters
    ----------
    url : str
        With or without "/" at its end.
    recursive : bool
        Also look at the pages of the folders below; those are links that end in "/".
    seconds : float
        For all pages together.

    Raises
    ------
    InputError
        When a page cannot be read, is too large, or there are too many of them or too little time.
    """
    base, until = url.rstrip("/") + "/", time.monotonic() + seconds
    pending, seen, files = [base], {base}, set()
    while pending:
        page = pending.pop()
        for link in _links_below(page, base, max(until - time.monotonic(), 0)):
            if not urlsplit(link).path.endswith("/"):
                files.add(link)
            elif recursive and link not in seen:
                seen.add(link)
                pending.append(link)
        if len(seen) > MOST_PAGES:
            raise InputError(
                f"{url}: more than {MOST_PAGES:,} folders; name the folders one by one, or list the photos"
            )
    return sorted(files)


def name_below(url: str, base: str) -> str:
    """Return what a URL is called below the folder `base`, with "/": without query, and readable where that is safe.

    Parts that would be "..", or hold a separator, when they are decoded stay as they are.
    """
    path = urlsplit(url).path
    below = path[len(urlsplit(base).path) :] if url.startswith(base) else path.rpartition("/")[2]
    return "/".join(map(_decoded, below.strip("/").split("/")))


def _links_below(page: str, base: str, seconds: float) -> Iterator[str]:
    """Yield the URLs below `base` to which a page links."""
    links = _Links()
    links.feed(read_bytes(page, PAGE_BYTES, seconds).decode("utf-8", errors="replace"))
    for link in links.found:
        target = urldefrag(urljoin(page, link)).url
        if target.startswith(base) and target != base:
            yield target


def _decoded(part: str) -> str:
    text = unquote(part, errors="surrogateescape")
    safe = text.strip(" .") and text.isprintable() and not set(text) & {"/", "\\"}
    return text if safe else part
