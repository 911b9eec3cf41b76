"""Every experiment that ships can say its conditions, in full and in each preset."""

import importlib
import pkgutil

import pytest

from spikeconsol import models

EXPERIMENTS = [
    experiment
    for module in pkgutil.iter_modules(models.__path__)
    for experiment in getattr(
        importlib.import_module(f"spikeconsol.models.{module.name}"), "EXPERIMENTS", ()
    )
]


@pytest.mark.slow
@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.name)
def test_conditions_can_be_made(experiment):
    for settings in ({}, *experiment.presets.values()):
        parameters = experiment.parameters()
        known = {name: value for name, value in settings.items() if name in parameters.flat()}
        conditions = list(experiment.conditions(parameters.with_settings(known)))
        assert len({condition.stem for condition in conditions}) == len(conditions) > 0
