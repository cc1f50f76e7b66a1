"""The error that a user can act on."""


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message names the file or option, says what was expected and what was found, and what to do about it.
    Commands print it without a traceback and end with exit code 1.
    """
