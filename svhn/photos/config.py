"""What reading and writing a photo can be told; light, so that the command line can show the defaults."""

from dataclasses import dataclass

from svhn.settings import Settings, setting

METADATA = KEEP, NO_LOCATION, STRIP = "keep", "no-location", "strip"


@dataclass(frozen=True)
class PhotoConfig(Settings):
    """Settings of `svhn.photos.photo`.

    Attributes
    ----------
    max_pixels : int
        A photo with more is refused before it is decoded.
    metadata : str
        What of the EXIF goes into the output: "keep" what is harmless (camera, time, place), "no-location" the same
        without the place, "strip" nothing. The colour profile and the resolution always stay.
    strip_metadata : bool
        Another spelling of `metadata` "strip", and stronger.
    """

    max_pixels: int = setting(
        200_000_000, least=1, spellings=("--pixel-limit",), expert=True, help="Photos with more pixels are refused."
    )
    metadata: str = setting(
        KEEP, choices=METADATA, help="EXIF of the outputs: camera, time and place; all but the place; or none."
    )
    strip_metadata: bool = setting(False, help="The same as --metadata strip.")

    @property
    def kept(self) -> str:
        """What is kept of the metadata, whichever setting says it."""
        return STRIP if self.strip_metadata else self.metadata
