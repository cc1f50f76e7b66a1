from .config import PhotoConfig as PhotoConfig
from .photo import Photo as Photo
from .photo import read_mask as read_mask
from .photo import read_photo as read_photo
from .photo import read_rgb as read_rgb
from .photo import write_mask as write_mask
from .photo import write_photo as write_photo
from .photo import write_rgb as write_rgb
