from .config import FinderTrainConfig as FinderTrainConfig
from .config import RefinerTrainConfig as RefinerTrainConfig
from .refiner_train import calibrate as calibrate
from .refiner_train import train_refiner as train_refiner
from .scores import Tally as Tally
from .train import train_finder as train_finder
