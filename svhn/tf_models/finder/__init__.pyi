from .calibration import calibrate as calibrate
from .config import FINDER_COMMAND as FINDER_COMMAND
from .config import REFINER_COMMAND as REFINER_COMMAND
from .config import FinderTrainConfig as FinderTrainConfig
from .config import RefinerTrainConfig as RefinerTrainConfig
from .refiner_train import train_refiner_network as train_refiner_network
from .scores import Tally as Tally
from .train import train_finder_network as train_finder_network
