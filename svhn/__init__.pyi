from .boxes import Box as Box
from .classifiers.loading import load_classifier as load_classifier
from .finder.finder import Finder as Finder
from .jobs.single.removing import PerhapsLeft as PerhapsLeft
from .jobs.single.removing import StillLegible as StillLegible
from .jobs.single.removing import remove as remove
from .photos.photo import read_photo as read_photo
from .torch_inpaint.removal.holes import inpaint as inpaint
from .torch_inpaint.removal.remover import DigitRemover as DigitRemover

__version__: str
