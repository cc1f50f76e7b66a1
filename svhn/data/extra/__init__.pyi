from .config import NO_EXTRA as NO_EXTRA
from .config import ExtraDigits as ExtraDigits
from .digits import make_extra_digits as make_extra_digits
from .digits import render_splits as render_splits
from .pseudo import UNLABELLED as UNLABELLED
from .pseudo import read_boxes as read_boxes
