"""Run, repeat and store experiments; knows nothing about any of the models."""

from spikeconsol.lab.experiment import Condition, Experiment, Figure

__all__ = ["Condition", "Experiment", "Figure"]
