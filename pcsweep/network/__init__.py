"""Predictive-coding networks made from any feedforward one, and the engine that runs many grid points on it at once."""

from pcsweep.network.predictive import Coefficients, PCoder, PredictiveNetwork, State, SumTooLarge

__all__ = ["Coefficients", "PCoder", "PredictiveNetwork", "State", "SumTooLarge"]
