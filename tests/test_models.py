"""Every experiment that ships can say its conditions, in full and in each preset."""

import importlib
import pkgutil
import re

import pytest

from spikeconsol import figures, models
from spikeconsol.lab.catalogue import find_figures
from spikeconsol.parameters import ParameterError

EXPERIMENTS = [
    experiment
    for module in pkgutil.iter_modules(models.__path__)
    for experiment in getattr(
        importlib.import_module(f"spikeconsol.models.{module.name}"), "EXPERIMENTS", ()
    )
]


@pytest.mark.parametrize(
    ("name", "field", "least"),
    [
        ("consolidation-rules/steady", "units", 10),
        ("consolidation-rules/steady", "tested", 10),
        ("consolidation-rules/tuning", "units", 10),
        ("curvature-capacity/rules", "units", 10),
        ("curvature-capacity/rules", "stored", 20),
        ("curvature-capacity/lesion", "units", 20),
        ("curvature-capacity/lesion", "stored", 2),
        ("curvature-capacity/free-phase", "units", 20),
        ("curvature-capacity/free-phase", "stored", 20),
        ("curvature-capacity/authors-protocol", "units", 20),
        ("curvature-capacity/authors-protocol", "stored", 10),
    ],
)
def test_a_protocol_keeps_its_own_minimum(name, field, least):
    (experiment,) = (one for one in EXPERIMENTS if one.name == name)
    parameters = experiment.parameters()
    assert getattr(parameters.replace(**{field: least}), field) == least
    with pytest.raises(ParameterError, match=f"{field}: got {least - 1}; allowed: >= {least}"):
        parameters.replace(**{field: least - 1})


@pytest.mark.parametrize(
    "name", ["consolidation-rules/steady", "sequential-memory", "cortical-memory/stream"]
)
def test_no_more_can_be_tested_than_is_stored(name):
    (experiment,) = (one for one in EXPERIMENTS if one.name == name)
    with pytest.raises(ParameterError, match=r"tested: got 50; allowed: .*<= 40"):
        experiment.parameters().replace(stored=40, tested=50)


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
