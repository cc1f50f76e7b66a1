from .datum_lmdb import MEAN_FILE as MEAN_FILE
from .datum_lmdb import is_lmdb_folder as is_lmdb_folder
from .datum_lmdb import read_lmdb as read_lmdb
from .datum_lmdb import write_lmdb as write_lmdb
