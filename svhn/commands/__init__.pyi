from .group import cli as cli
