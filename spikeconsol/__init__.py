"""Spiking and rate networks of local plasticity: consolidation, bottleneck learning, metaplasticity."""

from importlib.metadata import version

__version__ = version("spikeconsol")
