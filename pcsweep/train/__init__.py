"""Trains the predictors of a model, and its backbone if asked to."""
