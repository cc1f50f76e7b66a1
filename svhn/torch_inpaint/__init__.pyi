from .device import choose_device as choose_device
from .removal.remover import DigitRemover as DigitRemover
from .removal.remover import RemovalResult as RemovalResult
from .removal.remover import inpaint as inpaint
