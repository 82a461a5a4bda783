"""Hydra launchers of pcsweep."""
