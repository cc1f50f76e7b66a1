from .pool import ENVIRONMENT as ENVIRONMENT
from .pool import run_pool as run_pool
from .ray import run_ray as run_ray
from .stopping import SIGNALS as SIGNALS
from .stopping import StopSignals as StopSignals
