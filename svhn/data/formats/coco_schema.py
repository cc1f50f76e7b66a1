"""What has to stand in COCO object detection JSON; everything else in it is left aside."""

from typing import Annotated, TypeAlias

from pydantic import BaseModel, Field, FiniteFloat

Id: TypeAlias = int | str
Length: TypeAlias = Annotated[FiniteFloat, Field(gt=0)]


class CocoImage(BaseModel):
    """A photo."""

    id: Id
    file_name: str


class CocoCategory(BaseModel):
    """What a box shows."""

    id: Id
    name: str


class CocoAnnotation(BaseModel):
    """A box: left, top, width and height in pixels."""

    image_id: Id
    bbox: tuple[FiniteFloat, FiniteFloat, Length, Length]
    category_id: Id | None = None


class CocoFile(BaseModel):
    """A whole file."""

    images: list[CocoImage]
    annotations: list[CocoAnnotation]
    categories: list[CocoCategory] = []
