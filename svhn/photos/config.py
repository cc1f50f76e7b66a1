"""What reading and writing a photo can be told; light, so that the command line can show the defaults."""

from dataclasses import dataclass

from svhn.settings import Settings, setting


@dataclass(frozen=True)
class PhotoConfig(Settings):
    """Settings of `svhn.photos.photo`.

    Attributes
    ----------
    max_pixels : int
        A photo with more is refused before it is decoded.
    strip_metadata : bool
        Write no EXIF (camera, time, place); the colour profile and the resolution stay.
    """

    max_pixels: int = setting(
        200_000_000, least=1, spellings=("--pixel-limit",), expert=True, help="Photos with more pixels are refused."
    )
    strip_metadata: bool = setting(False, help="Write no EXIF: camera, time, place.")
