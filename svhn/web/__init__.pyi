from .app import create_app as create_app
from .config import WebConfig as WebConfig
from .engine import Busy as Busy
from .engine import Engine as Engine
from .server import run_server as run_server
