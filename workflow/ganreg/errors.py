"""The one exception that a user may see."""


class InputError(Exception):
    """A bad input or configuration: one line that names the file, what was expected and what was found."""
