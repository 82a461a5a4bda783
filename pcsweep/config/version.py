"""The version of pcsweep."""

__version__ = "0.1.0"
