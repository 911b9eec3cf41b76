"""Run, repeat and store experiments; knows nothing about any of the models."""

from spikeconsol.lab.experiment import Condition, Experiment, Figure, Seeds
from spikeconsol.lab.family import columns, family

__all__ = ["Condition", "Experiment", "Figure", "Seeds", "columns", "family"]
