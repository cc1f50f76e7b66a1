from .device import choose_device as choose_device
from .removal.holes import inpaint as inpaint
from .removal.remover import DigitRemover as DigitRemover
from .removal.remover import RemovalResult as RemovalResult
from .trainings import train_classifier as train_classifier
from .trainings import train_finisher as train_finisher
from .trainings import train_segmenter as train_segmenter
