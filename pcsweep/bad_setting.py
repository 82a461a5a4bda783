"""The error that ends a command with one message."""


class BadSetting(ValueError):
    """A value that a user gave is refused; the message names it, the value, and what is allowed."""
