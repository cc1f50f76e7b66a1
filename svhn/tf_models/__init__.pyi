from .starting import start_tensorflow as start_tensorflow
