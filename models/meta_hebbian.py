"""Meta-learned Hebbian plasticity: networks that learn which synapses should be plastic.

Weights and plasticity coefficients are trained by gradient descent through Hebbian traces over
thousands of short episodes; every episode is a new instance of one task, to be solved from the
traces it leaves (Miconi 2016, arXiv:1609.02228). Defaults are the published protocol: 20 networks
for each curve, one update per episode, and 500 episodes without learning as the test.

Beside the published tasks: their controls, the decay of the traces, and other trace rules. What the
trained networks are then put to is in `meta_hebbian_probes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import xarray as xr

from spikeconsol.lab import Condition, family
from spikeconsol.metaplasticity import Plasticity, Training, published_protocol, tasks, train
from spikeconsol.metaplasticity.optimiser import SGD, Optimiser
from spikeconsol.parameters import Parameters, parameter

Task = tasks.Task


@dataclass(frozen=True)
class Protocol(Parameters):
    """How long networks learn, and how they are tested."""

    episodes: int | None = parameter(
        None, at_least=2, doc="episodes in all; none: as published for the task"
    )
    frozen: int = parameter(500, at_least=1, doc="episodes at the end, without learning")
    backend: str = parameter("numpy", choices=("numpy", "jax"), doc="what computes the gradients")


@dataclass(frozen=True)
class Tested(Protocol):
    """Training, and tests on other episodes."""

    tested: int = parameter(500, at_least=1, doc="episodes of each test")


@dataclass(frozen=True)
class Case:
    """One condition: what is learned, by what network."""

    task: Task
    plasticity: Plasticity = Plasticity()
    gradient: str = "exact"
    optimiser: Optimiser | None = None


def learn(protocol: Protocol, case: Case, seeds: tuple[int, ...]) -> Training:
    """Train one network per seed."""
    return train(
        case.task,
        seeds=seeds,
        episodes=protocol.episodes,
        frozen=protocol.frozen,
        gradient=case.gradient,
        backend=protocol.backend if case.gradient == "exact" else "numpy",
        plasticity=case.plasticity,
        optimiser=case.optimiser,
        progress=False,
    )


def run_training(protocol: Protocol, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Train, and describe what was found."""
    from spikeconsol.metaplasticity.analysis import alpha_sign, trace_growth

    training = learn(protocol, condition.setup, seeds)
    dataset = training.to_dataset()
    task = training.task
    if isinstance(task, tasks.OneShot):
        sign = alpha_sign(training.parameters["alpha"], task.label_inputs)
        dataset["alpha_sign"] = named(("seed", "cell"), sign, "sign of all pattern coefficients")
        # Between the labels and whatever comes next, which is half an episode at least.
        assert training.test.traces is not None
        growth = trace_growth(training.test.traces, task.patterns, task.steps // 2)
        dataset["trace_growth"] = named(
            ("seed", "cell"), growth, "growth of traces per step", "1/step"
        )
    return dataset


def named(dims: Any, values: Any, long_name: str, units: str = "1") -> tuple[Any, Any, dict]:
    """Return a variable of a dataset."""
    return dims, values, {"long_name": long_name, "units": units}


def by_seed(seeds: tuple[int, ...], rows: list[dict[str, Any]]) -> xr.Dataset:
    """Join what was found for one seed after another."""
    return xr.concat([xr.Dataset(row) for row in rows], "seed").assign_coords(seed=list(seeds))


def listed(cases: dict[str, tuple[str, Case]]) -> list[Condition]:
    """Return conditions of the given names, labels and cases."""
    return [Condition(name, "rate", label, case) for name, (label, case) in cases.items()]


# ------------------------------------------------------------------------ the published tasks


def completion(protocol: Protocol) -> Sequence[Condition]:
    """Exact gradients and those of the original program, with both decays it was run with."""
    cases = {}
    for gamma in (0.75, 0.5):
        task = tasks.Completion(gamma=gamma)
        cases[f"exact-{gamma}"] = (f"exact, γ = {gamma}", Case(task))
        cases[f"legacy-{gamma}"] = (f"2016, γ = {gamma}", Case(task, gradient="legacy2016"))
    return listed(cases)


def one_shot(protocol: Protocol) -> Sequence[Condition]:
    """Exact gradients and those of the original program."""
    task = tasks.OneShot()
    return listed(
        {
            "exact": ("exact", Case(task)),
            "legacy": ("2016", Case(task, gradient="legacy2016")),
        }
    )


def reversal(protocol: Protocol) -> Sequence[Condition]:
    """The same, and what decides between success and failure: the sign of plasticity."""
    task = tasks.Reversal()
    negative = Plasticity(alpha_sign="negative")
    return listed(
        {
            "exact": ("exact", Case(task)),
            "legacy": ("2016", Case(task, gradient="legacy2016")),
            "negative-start": ("all α negative at start", Case(task, negative)),
            "nonnegative": ("α clipped at 0", Case(task, Plasticity(alpha="nonnegative"))),
            "four-cells": ("four cells", Case(tasks.Reversal(hidden=4))),
            "random-times": ("random times", Case(tasks.Reversal(times="random"))),
            "three-reversals": (
                "three reversals in 40 steps",
                Case(tasks.Reversal(steps=40, reversals=3)),
            ),
        }
    )


def conditioning(protocol: Protocol) -> Sequence[Condition]:
    """Stimuli one at a time, or independent of each other."""
    return listed(
        {
            name: (name, Case(tasks.Conditioning(stimuli=name)))
            for name in ("exclusive", "uncorrelated")
        }
    )


def auto_association(protocol: Protocol) -> Sequence[Condition]:
    """Recurrent recall, and the same without plastic connections."""
    task = tasks.AutoAssociation()
    return listed(
        {
            "learned": ("α learned", Case(task)),
            "alpha-zero": ("α = 0", Case(task, Plasticity(alpha="fixed", alpha_scale=0))),
        }
    )


# --------------------------------------------------------------------------- controls and decay

PUBLISHED: dict[str, Task] = {
    "completion": tasks.Completion(),
    "one-shot": tasks.OneShot(),
    "reversal": tasks.Reversal(),
}

CONTROLS: dict[str, tuple[str, Plasticity]] = {
    "learned": ("α learned", Plasticity()),
    "alpha-zero": ("α = 0", Plasticity(alpha="fixed", alpha_scale=0)),
    "alpha-fixed-0.1": ("α random, sd 0.1", Plasticity(alpha="fixed")),
    "alpha-fixed-1": ("α random, sd 1", Plasticity(alpha="fixed", alpha_scale=1)),
    "alpha-shared": ("one α for all", Plasticity(alpha="shared")),
    "alpha-nonnegative": ("α ≥ 0", Plasticity(alpha="nonnegative")),
    "no-fixed-part": ("w = 0", Plasticity(fixed_part=False)),
    "no-label-plasticity": ("labels not plastic", Plasticity(label_plasticity=False)),
}


def controls(protocol: Protocol) -> Sequence[Condition]:
    """Every control of every published task."""
    cases = {}
    for name, task in PUBLISHED.items():
        for control, (label, plasticity) in CONTROLS.items():
            if control != "no-label-plasticity" or task.label_inputs:
                cases[f"{name}-{control}"] = (f"{name}, {label}", Case(task, plasticity))
        published, _ = published_protocol(task)
        cases[f"{name}-no-l1"] = (
            f"{name}, no L1 penalty",
            Case(task, optimiser=published.replace(l1=0.0)),
        )
    return listed(cases)


def gamma(protocol: Protocol) -> Sequence[Condition]:
    """Decays given and learned, for one layer or per synapse."""
    cases = {}
    for name, values in (("one-shot", (0.9, 0.95, 0.98, 0.99)), ("reversal", (0.75, 0.95, 0.98))):
        for value in values:
            task = PUBLISHED[name].replace(gamma=value)
            cases[f"{name}-{value}"] = (f"{name}, γ = {value}", Case(task))
        for decay in ("layer", "synapse"):
            start = PUBLISHED[name].replace(gamma=0.9)
            cases[f"{name}-learned-{decay}"] = (
                f"{name}, γ learned per {decay}",
                Case(start, Plasticity(decay=decay)),
            )
    return listed(cases)


def rules(protocol: Protocol) -> Sequence[Condition]:
    """Other ways in which traces follow activity."""
    return listed(
        {
            f"{name}-{rule}": (f"{name}, {rule}", Case(task, Plasticity(rule=rule)))
            for name, task in PUBLISHED.items()
            for rule in ("hebb", "oja", "covariance", "bcm", "instar", "outstar")
        }
    )


def variants(protocol: Protocol) -> Sequence[Condition]:
    """What the paper's text and the options of its program have beside its experiments."""
    cases = {
        "completion-bits": ("completion, 0 and 1", Case(tasks.Completion(elements="bits"))),
        "completion-bits-manhattan": (
            "completion, 0 and 1, Manhattan error",
            Case(tasks.Completion(elements="bits", error="manhattan")),
        ),
        "one-shot-rounds": ("one-shot, two rounds of labels", Case(tasks.OneShot(rounds=2))),
        "reversal-rounds": ("reversal, two rounds of labels", Case(tasks.Reversal(rounds=2))),
    }
    for name, task in PUBLISHED.items():
        cases[f"{name}-sgd"] = (f"{name}, plain descent", Case(task, optimiser=SGD()))
        positive = Case(task, Plasticity(positive=True))
        cases[f"{name}-positive"] = (f"{name}, all weights positive", positive)
    return listed(cases)


SCORES = ("test_error", "test_accuracy", "solved")
#: Batched, 20 runs, quick as a demonstration.
experiment = family(
    "meta-hebbian/",
    run=run_training,
    columns=SCORES,
    batched=True,
    seeds=20,
    demo={"episodes": 1500, "frozen": 250, "seeds": 4},
)
EXPERIMENTS = (
    experiment(
        completion,
        "complete a pattern seen once, by plastic connections",
        figures=("meta_learning_curves", "meta_maps"),
    ),
    experiment(
        one_shot,
        "tell patterns apart after one labelled look at each",
        figures=("meta_learning_curves", "meta_maps", "meta_signs"),
    ),
    experiment(
        reversal,
        "learn labels anew when they are exchanged: the sign of plasticity decides",
        figures=("meta_learning_curves", "meta_maps", "meta_signs"),
    ),
    experiment(conditioning, "find the stimulus that predicts a reward"),
    experiment(
        auto_association,
        "recall by a recurrent network with plastic connections",
        seeds=(100, 10),
        demo={"episodes": 300, "frozen": 50, "seeds": 2},
    ),
    experiment(
        controls,
        "without plasticity, with random, shared or clipped coefficients",
        figures=("meta_controls",),
    ),
    experiment(gamma, "decay of the traces, given and learned"),
    experiment(rules, "other traces: Oja's, covariance, BCM, instar and outstar"),
    experiment(variants, "0 and 1, several rounds of labels, plain descent, positive weights"),
)
