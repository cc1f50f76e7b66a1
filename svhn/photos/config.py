"""What reading and writing a photo can be told; light, so that the command line can show the defaults."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PhotoConfig:
    """Settings of `svhn.photos.photo`.

    Attributes
    ----------
    max_pixels : int
        A photo with more is refused before it is decoded.
    strip_metadata : bool
        Write no EXIF (camera, time, place); the colour profile and the resolution stay.
    """

    max_pixels: int = 200_000_000
    strip_metadata: bool = False
