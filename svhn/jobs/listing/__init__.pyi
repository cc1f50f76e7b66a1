from .left_out import left_out_text as left_out_text
from .naming import in_shard as in_shard
from .naming import name_outputs as name_outputs
from .naming import refuse_overwriting as refuse_overwriting
from .naming import spare_others as spare_others
from .sources import ListedPhoto as ListedPhoto
from .sources import Listing as Listing
from .sources import list_photos as list_photos
