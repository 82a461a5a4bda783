"""Sweeps of predictive-coding feedback in vision networks, scored by Grad-CAM against segmentation masks."""

__version__ = "0.1.0"
