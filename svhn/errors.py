"""The error that a user can act on."""

import importlib.util


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message names the file or option, says what was expected and what was found, and what to do about it.
    Commands print it without a traceback and end with exit code 1.
    """


def require_package(package: str, name: str, extra: str, work: str) -> None:
    """Raise InputError when some work needs a package that is not installed.

    Work that goes on in other processes asks before it starts them; elsewhere the import itself tells.

    Parameters
    ----------
    package, name : str
        For example "torch" and "PyTorch".
    extra : str
        The extra of `svhn` that brings it.
    work : str
        What needs it, for example "remove-digits".
    """
    if importlib.util.find_spec(package) is None:
        raise InputError(f"{work} needs {name}; install it: pip install 'svhn[{extra}]'")
