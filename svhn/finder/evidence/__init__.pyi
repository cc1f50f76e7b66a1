from .asking import ask as ask
from .asking import worth_asking as worth_asking
from .fusion import LEAST_SUPPORT as LEAST_SUPPORT
from .fusion import Evidence as Evidence
from .fusion import fuse_sources as fuse_sources
from .ocr import text_reader as text_reader
from .writing import TextReader as TextReader
