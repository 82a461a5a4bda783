"""The errors that end a command with one message."""


class BadSetting(ValueError):
    """A value that a user gave is refused; the message names it, the value, and what is allowed."""


class Detached(KeyboardInterrupt):
    """Ctrl-C while others go on computing; the message says how to come back."""


class Unfinished(Exception):
    """A command could not do all that it was asked for, and no word of it is to blame; the message says why."""
