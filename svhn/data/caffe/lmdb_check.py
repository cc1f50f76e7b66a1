"""Is this file a whole LMDB database? The LMDB library trusts what it maps: on a truncated or altered file it ends
the process with a signal instead of an error, so the page tree is checked before it is opened."""

import mmap
import struct
from pathlib import Path

_MAGIC, _VERSION = 0xBEEFC0DE, 1
_PAGE_HEADER, _NODE_HEADER = 16, 8
_BRANCH, _LEAF, _OVERFLOW = 1, 2, 4
_LARGE = 1  # node flag: the value lies on overflow pages
_NO_PAGE = (1 << 64) - 1


def check_database(file: Path) -> None:
    """Check the page tree of a `data.mdb`.

    Raises
    ------
    OSError
        When the file cannot be read.
    ValueError
        When it is no LMDB database (format of LMDB 0.9), or is truncated or damaged in its structure.
    """
    with file.open("rb") as opened:
        try:
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
                _Tree(content).check()
        except struct.error as error:
            raise ValueError("truncated") from error


class _Tree:
    def __init__(self, content: mmap.mmap):
        self.content = content
        self.seen: set[int] = set()
        (self.page_size,) = struct.unpack_from("<I", content, 40)
        if self.page_size not in (1 << power for power in range(9, 17)):
            raise ValueError("not in the format of LMDB")
        # There are two meta pages; the one of the later transaction counts.
        _, self.depth, self.entries, self.root = max(self._meta(0), self._meta(self.page_size))

    def _meta(self, start: int) -> tuple[int, int, int, int]:
        """Return transaction number, depth of the tree, number of entries and root page."""
        if struct.unpack_from("<II", self.content, start + 16) != (_MAGIC, _VERSION):
            raise ValueError("not in the format of LMDB")
        (depth,) = struct.unpack_from("<H", self.content, start + 94)
        entries, root = struct.unpack_from("<QQ", self.content, start + 120)
        (transaction,) = struct.unpack_from("<Q", self.content, start + 144)
        return transaction, depth, entries, root

    def check(self) -> None:
        found = 0 if self.root == _NO_PAGE else self._check_page(self.root, self.depth)
        if found != self.entries:
            raise ValueError(f"damaged: {found} entries of {self.entries} found")

    def _check_page(self, number: int, depth: int) -> int:
        """Check a page and all below it, and return the number of its entries."""
        start = self._start(number, 1)
        flags, lower, upper = struct.unpack_from("<HHH", self.content, start + 10)
        wanted = _BRANCH if depth > 1 else _LEAF
        if not flags & wanted or not _PAGE_HEADER < lower <= upper <= self.page_size or number in self.seen:
            raise ValueError(f"damaged: page {number} is no {'branch' if depth > 1 else 'leaf'}")
        self.seen.add(number)
        nodes = struct.unpack_from(f"<{(lower - _PAGE_HEADER) // 2}H", self.content, start + _PAGE_HEADER)
        return sum(self._check_node(number, node, depth) for node in nodes)

    def _check_node(self, number: int, node: int, depth: int) -> int:
        end = self.page_size - _NODE_HEADER
        start = self._start(number, 1) + node
        low, high, flags, key_size = struct.unpack_from("<HHHH", self.content, start) if node <= end else (0, 0, 0, end)
        if depth > 1 and node + key_size <= end:
            return self._check_page(low | high << 16 | flags << 32, depth - 1)
        size, stored = low | high << 16, 8 if flags == _LARGE else low | high << 16
        if flags not in (0, _LARGE) or node + key_size + stored > end:
            raise ValueError(f"damaged: an entry of page {number} leaves it")
        if flags == _LARGE:
            (first,) = struct.unpack_from("<Q", self.content, start + _NODE_HEADER + key_size)
            self._check_overflow(first, size)
        return 1

    def _check_overflow(self, number: int, size: int) -> None:
        start = self._start(number, 1)
        flags, pages = struct.unpack_from("<HI", self.content, start + 10)
        self._start(number, pages)
        if not flags & _OVERFLOW or _PAGE_HEADER + size > pages * self.page_size:
            raise ValueError(f"damaged: page {number} holds no large value")

    def _start(self, number: int, pages: int) -> int:
        start = number * self.page_size
        if start + pages * self.page_size > len(self.content):
            raise ValueError(f"truncated: page {number} is not in it")
        return start
