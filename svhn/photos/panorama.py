"""What makes a panorama one: the few words of its XMP that say how it is projected, written anew.

XMP is never copied, since previews, depth and whole other pictures stand in it. Names and values are those of Google's
Photo Sphere XMP metadata (GPano).
"""

import re

_NAMESPACE = "http://ns.google.com/photos/1.0/panorama/"
_NUMBER = r"-?[0-9]{1,9}(?:\.[0-9]{1,9})?"
# Sizes and places in pixels, angles in degrees: how to show it. A heading is a direction, not a place.
_NUMBERS = (
    *("CroppedAreaImageWidthPixels", "CroppedAreaImageHeightPixels", "FullPanoWidthPixels", "FullPanoHeightPixels"),
    *("CroppedAreaLeftPixels", "CroppedAreaTopPixels", "InitialViewHeadingDegrees", "InitialViewPitchDegrees"),
    *("InitialViewRollDegrees", "InitialHorizontalFOVDegrees", "PoseHeadingDegrees", "PosePitchDegrees"),
    "PoseRollDegrees",
)
_VALUES = dict.fromkeys(_NUMBERS, _NUMBER)
_VALUES |= {"UsePanoramaViewer": "[Tt]rue|[Ff]alse", "ProjectionType": "equirectangular|cylindrical"}


def panorama_xmp(xmp: object) -> bytes | None:
    """Return a new XMP packet that says what `xmp`, bytes or text, says of a panorama; None where it says nothing."""
    text = xmp.decode("utf-8", "replace") if isinstance(xmp, bytes) else xmp if isinstance(xmp, str) else ""
    prefix = re.search(rf"""xmlns:([A-Za-z]\w{{0,30}})\s*=\s*["']{_NAMESPACE}["']""", text)
    found = {} if prefix is None else {name: _value_of(text, f"{prefix[1]}:{name}", _VALUES[name]) for name in _VALUES}
    if not found.get("ProjectionType"):
        return None
    values = " ".join(f'GPano:{name}="{value}"' for name, value in found.items() if value)
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:GPano="{_NAMESPACE}" {values}/></rdf:RDF></x:xmpmeta>'
    ).encode("ascii")


def _value_of(text: str, name: str, pattern: str) -> str | None:
    """Return the value of an attribute or an element of this name."""
    found = re.search(rf"""\b{name}\s*=\s*["']\s*({pattern})\s*["']|<{name}>\s*({pattern})\s*</{name}>""", text)
    return found and (found[1] or found[2])
