"""The experiments run and their figures draw, on networks that have hardly learned."""

import matplotlib
import numpy as np
import pytest

from spikeconsol.figures import style
from spikeconsol.lab.catalogue import find_experiments, find_figures

EXPERIMENTS = {n: e for n, e in find_experiments().items() if n.startswith("meta-hebbian/")}
BY_RATE = [name for name in EXPERIMENTS if name != "meta-hebbian/spiking"]
FIGURES = {n: f for n, f in find_figures().items() if n.startswith("meta_")}
DRAWN = [name for name in FIGURES if name != "meta_spiking"]
QUICK = {"episodes": 40, "frozen": 10}
MORE = {"tested": 3, "sampled": 3, "shuffles": 3, "life": 3, "lives": 2, "again": 3}
MORE |= {"elements": 40, "side": 8, "lstm_cells": (60,)}
MORE |= {"looks": (0, 10, 20), "predicted_at": 10}


def quick(experiment, condition=None, seeds=(0, 1)):
    known = experiment.parameters().flat()
    settings = QUICK | {name: value for name, value in MORE.items() if name in known}
    parameters = experiment.parameters(**settings)
    conditions = experiment.conditions(parameters)
    chosen = conditions if condition is None else conditions[condition : condition + 1]
    return {one.stem: experiment.run(parameters, one, seeds) for one in chosen}


@pytest.mark.parametrize("name", BY_RATE)
def test_experiment_fills_its_columns(name):
    experiment = EXPERIMENTS[name]
    (dataset,) = quick(experiment, condition=0).values()
    assert list(dataset.seed.values) == [0, 1]
    of_spikes = {"rest_rate"}  # which the first condition, by rates, does not have
    for column in set(experiment.columns) - of_spikes:
        assert dataset[column].dims == ("seed",)
        assert np.isfinite(dataset[column]).all()
        assert dataset[column].attrs["long_name"]


def test_names_presets_and_figures_fit_together():
    for experiment in EXPERIMENTS.values():
        conditions = experiment.conditions(experiment.parameters())
        assert len({one.stem for one in conditions}) == len(conditions)
        demo = {k: v for k, v in experiment.presets["demo"].items() if k != "seeds"}
        experiment.parameters().with_settings(demo)
        assert set(experiment.figures) <= set(FIGURES)
    for figure in FIGURES.values():
        assert set(figure.needs) <= set(EXPERIMENTS)


def test_times_of_presentation_are_set_with_their_units():
    experiment = EXPERIMENTS["meta-hebbian/spiking"]
    protocol = experiment.parameters().with_settings({"present": "50 ms, 0.1 s", "pairs": "7"})
    stems = [one.stem for one in experiment.conditions(protocol)]
    assert {"spiking-present-50", "spiking-present-100", "spiking-pairs-7"} <= set(stems)
    assert len(stems) == 7


@pytest.fixture(scope="module")
def results():
    """Results of every experiment that a figure needs, made when they are first asked for."""
    made = {}

    def get(names):
        for name in names:
            if name not in made:
                made[name] = quick(EXPERIMENTS[name])
        return {name: made[name] for name in names}

    return get


@pytest.mark.parametrize("name", DRAWN)
def test_figure_draws(name, results, tmp_path):
    before = matplotlib.rcParams.copy()
    with style.context():
        drawing = FIGURES[name].draw(results(FIGURES[name].needs))
        drawing.savefig(tmp_path / "figure.png")
    assert all(ax.has_data() for ax in drawing.axes)
    assert matplotlib.rcParams == before


@pytest.mark.slow
def test_spiking_experiment_and_its_figure(tmp_path):
    experiment = EXPERIMENTS["meta-hebbian/spiking"]
    conditions = experiment.conditions(experiment.parameters())
    wanted = {"rate-one-shot", "spiking-default", "spiking-alpha-zero", "spiking-pairs-5"}
    found = {}
    for n, condition in enumerate(conditions):
        if condition.stem in wanted:
            found |= quick(experiment, condition=n)
    assert set(found) == wanted
    assert (found["spiking-default"].activity_correlation > 0.8).all()
    with style.context():
        drawing = FIGURES["meta_spiking"].draw({experiment.name: found})
        drawing.savefig(tmp_path / "figure.png")
