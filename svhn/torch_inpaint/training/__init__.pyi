from .config import FINISHER_COMMAND as FINISHER_COMMAND
from .config import SEGMENTER_COMMAND as SEGMENTER_COMMAND
from .config import FinisherTrainConfig as FinisherTrainConfig
from .config import SegmenterTrainConfig as SegmenterTrainConfig
from .finisher import train_finisher_network as train_finisher_network
from .segmenter import train_segmenter_network as train_segmenter_network
