"""The file formats that photos may have: what one has to offer, and all that are known."""

from typing import TYPE_CHECKING, Protocol

from svhn.registry import Registry

if TYPE_CHECKING:
    from svhn.photos.metadata import Metadata
    from svhn.photos.pixels import Pixels


class PhotoFormat(Protocol):
    """One file format: how a photo is recognised, read and written.

    Errors need not name the file; `svhn.photos.decode_photo` does. A format of one's own has these attributes and is
    registered before a photo of it is read; where Pillow knows the format, a line is enough. For worker processes it
    is declared as an entry point in the group `svhn.photo_formats`, see `svhn.registry.Registry`::

        FORMATS.register("PPM", PillowFormat("PPM", (".ppm",)))

    Attributes
    ----------
    suffixes : tuple of str
        Endings of file names, in small letters, that make a file in a folder a photo. A file that is named itself is
        recognised by its content alone.
    """

    @property
    def suffixes(self) -> tuple[str, ...]: ...

    def recognises(self, content: bytes) -> bool:
        """Return whether a file is of this format, by its first bytes; it may be damaged all the same."""

    def read(self, content: bytes, max_pixels: int) -> "tuple[Pixels, Metadata]":
        """Return the upright picture of a file, and what of its metadata may go into the output.

        Raises
        ------
        InputError
            When the picture has more than `max_pixels` (before it is decoded), or cannot be used.
        """

    def write(self, pixels: "Pixels", metadata: "Metadata") -> bytes:
        """Return the same kind of file with these pixels and this metadata, and nothing else in it.

        A format may also have `rewrite(content, pixels, metadata)`, which returns a file with this metadata and the
        picture as it is coded in `content`, and nothing else in it; without it such a photo is encoded anew.
        """


FORMATS: Registry[PhotoFormat] = Registry(
    "photo formats",
    {
        "JPEG": "svhn.photos.formats.jpeg:JPEG",
        "PNG": "svhn.photos.formats.png:PNG",
        "WEBP": "svhn.photos.formats.webp:WEBP",
        "TIFF": "svhn.photos.formats.tiff:TIFF",
        "BMP": "svhn.photos.formats.plain:BMP",
        "HEIF": "svhn.photos.formats.heif:HEIF",
        "AVIF": "svhn.photos.formats.avif:AVIF",
        "GIF": "svhn.photos.formats.plain:GIF",
    },
)


def recognise(content: bytes) -> str | None:
    """Return the name of the format that a file has, or None; the content tells, not the name."""
    return next((name for name in FORMATS if FORMATS[name].recognises(content)), None)


def known_suffixes() -> tuple[str, ...]:
    """Return what names of photos end in, in small letters, for example ".jpg"."""
    return tuple(suffix for name in FORMATS for suffix in FORMATS[name].suffixes)
