from .starting import start_tensorflow as start_tensorflow
from .trainings import train_classifier as train_classifier
from .trainings import train_finder as train_finder
from .trainings import train_refiner as train_refiner
