from .record import RunRecord as RunRecord
from .record import last_run as last_run
from .record import new_run_dir as new_run_dir
from .record import open_run as open_run
