"""Spiking and rate networks of local plasticity."""

from importlib.metadata import version

__version__ = version("spikeconsol")
