from .coco import COCO_FILE_NAME as COCO_FILE_NAME
from .coco import find_annotations as find_annotations
from .coco import open_annotations as open_annotations
from .coco import read_coco as read_coco
from .coco import write_coco as write_coco
from .cropped import read_cropped as read_cropped
from .digit_struct import FILE_NAME as FILE_NAME
from .digit_struct import DigitStruct as DigitStruct
