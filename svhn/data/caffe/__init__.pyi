from .datum_lmdb import read_lmdb as read_lmdb
from .datum_lmdb import write_lmdb as write_lmdb
from .folder import MEAN_FILE as MEAN_FILE
from .folder import is_lmdb_folder as is_lmdb_folder
