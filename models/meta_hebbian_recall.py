"""Recurrent networks with plastic connections recall what they saw, from a half of it.

After Miconi, Stanley and Clune (2018): patterns of a thousand and of fifty bits, and pieces of
photographs. Beside each plastic network one that is not, and an LSTM, of as many cells and trained
as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from spikeconsol.lab import Condition, columns
from spikeconsol.metaplasticity import Plasticity, Training, evaluate, tasks
from spikeconsol.metaplasticity.optimiser import Adam
from spikeconsol.metaplasticity.recurrent import Recalling, Recurrent
from spikeconsol.models.meta_hebbian import Case, Protocol, experiment, learn, listed, named
from spikeconsol.parameters import parameter

#: Of LSTMs in all tasks: the best of 3e-4 to 3e-2 on fifty bits, seeds 0 and 1.
LSTM_RATE = 3e-3


def conditions(
    task: tasks.Task,
    plasticity: Plasticity,
    learning_rate: float,
    lstm_rate: float,
    lstm_cells: Sequence[int] = (),
) -> Sequence[Condition]:
    """A plastic network, one that is not, and LSTMs: of as many cells, and of more."""
    optimiser = Adam(learning_rate=learning_rate)
    none = plasticity.replace(alpha="fixed", alpha_scale=0.0, decay="fixed")
    cases = {
        "plastic": ("plastic", Case(task, plasticity, optimiser=optimiser)),
        "fixed": ("not plastic", Case(task, none, optimiser=optimiser)),
    }
    for cells in (task.cells[0], *lstm_cells):
        equal = cells == task.cells[0]
        gates = Case(task, Plasticity(lstm=cells), optimiser=Adam(learning_rate=lstm_rate))
        cases["lstm" if equal else f"lstm-{cells}"] = (f"LSTM, {cells} cells", gates)
    return listed(cases)


def found(training: Training) -> dict[str, Any]:
    """Return what became of the coefficients of one network; all of them would be megabytes."""
    if training.plasticity.lstm is not None:
        return {}
    alpha, w = (training.parameters[name][0] for name in ("alpha", "w"))
    off_diagonal = ~np.eye(len(w), dtype=bool)
    network = training.network
    assert isinstance(network, Recurrent)
    gamma = network.gamma(training.parameters)
    return {
        "alpha_mean": named((), alpha[off_diagonal].mean(), "mean plasticity coefficient"),
        "alpha_sd": named((), alpha[off_diagonal].std(), "standard deviation of coefficients"),
        "weight_sd": named((), w[off_diagonal].std(), "standard deviation of fixed weights"),
        "gamma": named((), np.mean(gamma), "decay of traces"),
    }


def of_seed(seeds: tuple[int, ...], **variables: Any) -> xr.Dataset:
    """Return the variables of the only seed, with a dimension for it."""
    return xr.Dataset(variables).expand_dims(seed=list(seeds))


# ---------------------------------------------------------------- a thousand bits, and fifty


@dataclass(frozen=True)
class ThousandBits(Protocol, episodes=220, frozen=20):  # type: ignore[call-arg]
    """A training that takes minutes: what is to be found is a size, not a structure."""

    elements: int = parameter(1000, at_least=4, doc="elements of a pattern")


def thousand_bits(protocol: ThousandBits) -> Sequence[Condition]:
    """Start with fixed weights as in the program of 2018, of standard deviation 0.01.

    Coefficients start between 0 and 0.01, the size they have in that program.
    """
    plasticity = Plasticity(decay="layer", alpha_scale=0.1, weight_scale=0.29)
    task = tasks.AutoAssociation.thousand_bits().replace(size=protocol.elements)
    return conditions(task, plasticity, 1e-3, lstm_rate=LSTM_RATE)


@dataclass(frozen=True)
class FiftyBits(Protocol, episodes=2100, frozen=100):  # type: ignore[call-arg]
    """The small task of 2018, on which its LSTMs were trained."""

    lstm_cells: tuple[int, ...] = parameter(
        (), at_least=51, doc="cells of further LSTMs; 2,050 in 2018"
    )


def fifty_bits(protocol: FiftyBits) -> Sequence[Condition]:
    """Two patterns, each shown once."""
    task = tasks.AutoAssociation.fifty_bits()
    return conditions(task, Plasticity(decay="layer"), 3e-3, LSTM_RATE, protocol.lstm_cells)


@columns("recalled", "wrong")
def recall_bits(protocol: Protocol, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Train one network; count wrong bits among all, as published, too."""
    training = learn(protocol, condition.setup, seeds)
    # What is shown of a pattern is right.
    curve = (1 - training.accuracy[:, 0]) / 2
    recalled = training.test_accuracy[0]
    return of_seed(
        seeds,
        recalled=named((), recalled, "blanked bits recalled"),
        wrong=named((), (1 - recalled) / 2, "wrong bits of all"),
        wrong_curve=named("episode", curve, "wrong bits of all"),
        **found(training),
    )


# ------------------------------------------------------------------------------------ photographs


@dataclass(frozen=True)
class Photographs(Protocol, episodes=320, frozen=20):  # type: ignore[call-arg]
    """Training on some photographs, and the test on others."""

    side: int = parameter(16, at_least=4, at_most=64, doc="side of a piece, in pixels")
    tested: int = parameter(50, at_least=1, doc="episodes of the test on new photographs")
    examples: int = parameter(5, at_least=1, doc="completed pieces that are kept")


def image_completion(protocol: Photographs) -> Sequence[Condition]:
    """Start with fixed weights of standard deviation 0.01, coefficients between 0 and 0.01."""
    cells = protocol.side**2 + 1
    plasticity = Plasticity(
        decay="layer", alpha_scale=0.1, weight_scale=0.01 * float(np.sqrt(cells)) / 1.1
    )
    return conditions(tasks.ImageCompletion(side=protocol.side), plasticity, 1e-3, LSTM_RATE)


@columns("difference", "grey_difference", "right_sign")
def complete(protocol: Photographs, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Train one network on some photographs; complete pieces of others."""
    training = learn(protocol, condition.setup, seeds)
    network, new = training.network, training.task.replace(part="test")
    assert isinstance(network, Recalling)
    hidden = new.size / 2
    test = evaluate(training, new, episodes=protocol.tested)
    drawn = new.draw(np.random.default_rng([seeds[0], 1]), max(protocol.tested, protocol.examples))
    wanted, shown = drawn.target[:, -1], drawn.x[:, -1, :-1]
    grey = np.abs(wanted * (shown == 0)).sum(axis=-1).mean()
    one = {name: value[0] for name, value in training.parameters.items()}
    kept = protocol.examples
    completed = [network.recalled(one, drawn.x[n])[-1] for n in range(kept)]
    pieces = ("example", "pixel")
    return of_seed(
        seeds,
        difference=named((), test.error.mean() / hidden, "difference of hidden pixels"),
        grey_difference=named((), grey / hidden, "the same if they were left grey"),
        right_sign=named((), test.accuracy.mean(), "hidden pixels on the right side"),
        curve=named("episode", training.errors[:, 0] / hidden, "difference in training"),
        wanted=named(pieces, wanted[:kept], "piece of a photograph"),
        shown=named(pieces, shown[:kept], "what is shown of it"),
        completed=named(pieces, np.stack(completed), "completed by the network"),
        **found(training),
    )


_one_by_one = partial(experiment, batched=False, seeds=3)
_bits = partial(_one_by_one, run=recall_bits)
EXPERIMENTS = (
    _bits(
        thousand_bits,
        "recall a thousand bits from half of them",
        parameters=ThousandBits,
        demo={"episodes": 4, "frozen": 1, "elements": 100, "seeds": 1},
        figures=("meta_thousand_bits",),
    ),
    _bits(
        fifty_bits,
        "recall fifty bits from half of them, beside LSTMs",
        parameters=FiftyBits,
        seeds=5,
        demo={"episodes": 60, "frozen": 10, "seeds": 1},
        figures=("meta_fifty_bits",),
    ),
    _one_by_one(
        image_completion,
        "complete a photograph from half of it",
        run=complete,
        demo={"episodes": 30, "frozen": 5, "tested": 2, "examples": 1, "seeds": 1},
        figures=("meta_image_completion",),
    ),
)
