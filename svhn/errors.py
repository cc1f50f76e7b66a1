"""The error that a user can act on, and what has to be seen to before an optional package is imported."""

import importlib.util
import os

# Packages that report to their makers what is done with them: onnxruntime (1.29 and newer) what it says of machine,
# networks and runs, Ray how it is used.
_NO_TELEMETRY = {"ORT_DISABLE_TELEMETRY": "1", "RAY_USAGE_STATS_ENABLED": "0"}


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


def forbid_telemetry() -> None:
    """Forbid packages to report to their makers, in this process and those it starts; before they are imported.

    Photos and places are private here. Who sets one of these variables of the environment decides otherwise.
    """
    for name, value in _NO_TELEMETRY.items():
        os.environ.setdefault(name, value)
