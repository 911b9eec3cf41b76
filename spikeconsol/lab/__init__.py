"""Run, repeat and store experiments; knows nothing about any of the models."""
