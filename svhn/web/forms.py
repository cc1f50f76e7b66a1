"""What requests bring, checked: boxes as JSON, and the photos of a plan."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Base64Bytes, BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError

from svhn.data.formats import MOST_DIGITS, PaintedArea
from svhn.errors import InputError
from svhn.jobs import ReadNumber
from svhn.jobs.choice import PlannedDigit, PlannedPhoto
from svhn.photos import PhotoConfig, decode_mask

_MOST_COORDINATE = 1_000_000
_MOST_PHOTOS = 100_000


def _is_box(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    if not (left < right and top < bottom):
        raise ValueError(f"expected left < right and top < bottom, received {list(box)}")
    return box


Edge = Annotated[int, Field(ge=-_MOST_COORDINATE, le=_MOST_COORDINATE)]
Box = Annotated[tuple[Edge, Edge, Edge, Edge], AfterValidator(_is_box)]


class PlacedDigit(BaseModel):
    """A place in a photo: a box [left, top, right, bottom] in pixels of the upright photo, and what is known of it."""

    box: Box
    label: int | None = Field(None, ge=0, le=9)
    confidence: float | None = Field(None, ge=0, le=1)
    source: Literal["found", "listed", "drawn"] = "drawn"
    accepted: bool = True
    number: int | None = Field(None, ge=0, le=MOST_DIGITS)

    def planned(self) -> PlannedDigit:
        return PlannedDigit(**self.model_dump())


class ReviewedPhoto(BaseModel):
    """A photo of a plan, as the page holds it."""

    photo: str = Field(min_length=1, max_length=4096)
    size: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
    digits: list[PlacedDigit] = Field(default=[], max_length=MOST_DIGITS)
    numbers: list[dict[str, Any]] = Field(default=[], max_length=MOST_DIGITS)
    painted: Base64Bytes | None = Field(None, description="A picture of the photo's size; its white part was painted.")

    def planned(self) -> PlannedPhoto:
        try:
            numbers = tuple(ReadNumber.from_dict(number) for number in self.numbers)
        except (LookupError, TypeError, AttributeError) as error:
            raise InputError("numbers: expected those of /api/find") from error
        digits = tuple(digit.planned() for digit in self.digits)
        return PlannedPhoto(self.photo, self.size, digits, numbers, self._area())

    def _area(self) -> PaintedArea | None:
        if self.painted is None:
            return None
        width, height = self.size
        mask = decode_mask(self.painted, "painted", min(width * height, PhotoConfig.max_pixels))
        if mask.shape != (height, width):
            received = f"{mask.shape[1]} x {mask.shape[0]}"
            raise InputError(f"painted: a picture of {received} pixels, expected the photo's {width} x {height}")
        return PaintedArea.of(mask) if mask.any() else None


class Review(BaseModel):
    """All photos of a plan."""

    photos: list[ReviewedPhoto] = Field(max_length=_MOST_PHOTOS)


def _as_object(value: Any) -> Any:
    return {"box": value} if isinstance(value, list) else value


_BOXES: TypeAdapter[list[PlacedDigit]] = TypeAdapter(
    Annotated[list[Annotated[PlacedDigit, BeforeValidator(_as_object)]], Field(max_length=MOST_DIGITS)]
)


def parse_boxes(text: str) -> tuple[PlannedDigit, ...]:
    """Return the digits of a form's field `boxes`: JSON, a list of boxes or of objects with a box.

    Raises
    ------
    InputError
        When it is none.
    """
    try:
        return tuple(digit.planned() for digit in _BOXES.validate_json(text))
    except ValidationError as error:
        row = error.errors()[0]
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in row["loc"])
        raise InputError(
            f"boxes{place}: {row['msg']}; expected JSON, a list of [left, top, right, bottom] in pixels"
        ) from error
