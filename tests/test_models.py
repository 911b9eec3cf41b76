"""Every experiment that ships can say its conditions, in full and in each preset."""

import importlib
import pkgutil
import re

import pytest

from spikeconsol import figures, models
from spikeconsol.lab.experiment import find_figures

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


def test_figures_are_named_in_one_way_after_the_file_that_draws_them():
    for module in pkgutil.iter_modules(figures.__path__):
        drawn = getattr(
            importlib.import_module(f"spikeconsol.figures.{module.name}"), "FIGURES", ()
        )
        assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", figure.name) for figure in drawn)
        assert module.name in [*(figure.name for figure in drawn), "style"]


def test_every_figure_that_an_experiment_names_can_be_drawn():
    named = {name for experiment in EXPERIMENTS for name in experiment.figures}
    assert named == set(find_figures())
