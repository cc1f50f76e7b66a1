from .finisher import train_finisher as train_finisher
from .segmenter import train_segmenter as train_segmenter
