from .known import FORMATS as FORMATS
from .known import PhotoFormat as PhotoFormat
from .known import known_suffixes as known_suffixes
from .known import recognise as recognise
from .pillow import PillowFormat as PillowFormat
from .pillow import check_size as check_size
from .refused import refused_kind as refused_kind
