"""python -m svhn COMMAND: the same as svhn COMMAND."""

from svhn.commands import cli

if __name__ == "__main__":
    cli(prog_name="python -m svhn")
