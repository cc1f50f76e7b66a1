from .desk import AskedPhoto as AskedPhoto
from .desk import PhotoDesk as PhotoDesk
from .desk import warning_text as warning_text
from .files import explain_photo as explain_photo
from .files import inpaint_photo as inpaint_photo
from .removing import PerhapsLeft as PerhapsLeft
from .removing import StillLegible as StillLegible
from .removing import remove as remove
