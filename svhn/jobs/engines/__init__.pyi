from .pool import default_workers as default_workers
from .pool import run_pool as run_pool
from .process import ENVIRONMENT as ENVIRONMENT
from .process import WorkerProcess as WorkerProcess
from .ray import run_ray as run_ray
from .stages import Stage as Stage
from .stopping import SIGNALS as SIGNALS
from .stopping import StopSignals as StopSignals
