"""Plasticity that the network itself turns on and off (Miconi, Rawal, Clune and Stanley 2019).

Recurrent networks find which of four cues is the target by trial and reward, in new cues every
episode. Their traces follow activity alone, or are gated by a modulating cell that hears the
network: at once, or by way of an eligibility trace. Beside them a network without plasticity. All
have the same cells, start and episodes; seeds pair them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from spikeconsol.lab import Condition, columns
from spikeconsol.metaplasticity import Adam, Plasticity, Training, tasks
from spikeconsol.metaplasticity.closed_loop import ClosedLoop
from spikeconsol.metaplasticity.network import Outcome
from spikeconsol.models.meta_hebbian import SCORES, Case, Tested, experiment, learn, listed, named
from spikeconsol.parameters import parameter

#: What happens at a step: the column of the input, and what it is.
EVENTS = ("cue", "go", "reward +1", "reward -1", "nothing")


@dataclass(frozen=True)
class ModulationProtocol(Tested, tested=200):  # type: ignore[call-arg]
    """Training, and a test on new episodes."""

    trials: int = parameter(9, at_least=1, doc="trials of an episode that are reported")


def neuromodulation(protocol: ModulationProtocol) -> Sequence[Condition]:
    """Without plasticity; with traces that follow activity alone; with a modulating cell."""
    task = tasks.CueReward()

    def plastic(modulation: str) -> Case:
        learned = Plasticity(modulation=modulation, decay="layer")
        return Case(task, learned, optimiser=Adam(learning_rate=2e-3))

    none = Plasticity(alpha="fixed", alpha_scale=0)
    return listed(
        {
            "fixed": ("not plastic", Case(task, none, optimiser=Adam(learning_rate=2e-3))),
            "decaying": ("plastic, decaying traces", plastic("none")),
            "constant": ("plastic, clipped traces", plastic("constant")),
            "simple": ("simple modulation", plastic("simple")),
            "retroactive": ("retroactive modulation", plastic("retroactive")),
        }
    )


def events(episodes: tasks.Episodes, outcome: Outcome) -> np.ndarray:
    """Return which of `EVENTS` every step is, (E, R, T)."""
    x, target = episodes.x, episodes.target[..., 0]
    cue = (x[..., :-3] != 0).any(axis=-1)
    right = outcome.step_accuracy > 0
    told = np.zeros(target.shape)
    told[..., 1:] = np.where(target != 0, np.where(right, 1, -1), 0)[..., :-1]
    return np.select([cue, x[..., -3] != 0, told > 0, told < 0], [0, 1, 2, 3], 4)


def by_trial(episodes: tasks.Episodes, outcome: Outcome, trials: int) -> np.ndarray:
    """Return the fraction of right answers, (R, trials)."""
    scored, right = episodes.scored[..., 0], outcome.step_accuracy
    number = np.cumsum(scored, axis=-1) * scored
    marks = [number == n + 1 for n in range(trials)]
    return np.stack([(right * m).sum((0, 2)) / m.sum((0, 2)) for m in marks], axis=1)


@columns(*SCORES, "late_accuracy", "late_held")
def run(protocol: ModulationProtocol, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Train; test by trial; hold the modulating cell at its mean; say when it is active."""
    training = learn(protocol, condition.setup, seeds)
    network, task = training.network, training.task
    assert isinstance(network, ClosedLoop)
    assert isinstance(task, tasks.CueReward)
    drawn = [task.draw(np.random.default_rng([seed, 1]), protocol.tested) for seed in seeds]
    episodes = tasks.stack(drawn)
    o, M = (np.moveaxis(part, 0, -1) for part in network.forward(training.parameters, episodes))
    outcome = network.outcome(o, episodes)
    accuracy = by_trial(episodes, outcome, protocol.trials)
    held = accuracy
    if "m" in training.parameters:
        held = by_trial(episodes, held_modulator(training, M, episodes), protocol.trials)
    kind = events(episodes, outcome)
    when = [
        (M * (kind == n)).sum((0, 2)) / np.maximum((kind == n).sum((0, 2)), 1)
        for n in range(len(EVENTS))
    ]
    best = np.stack(
        [np.nanmean(task.best_answers(each)[:, : protocol.trials], 0) for each in drawn]
    )
    dataset = training.to_dataset()
    late = slice(-protocol.trials // 3, None)
    trial = ("seed", "trial")
    dataset["trial_accuracy"] = named(trial, accuracy, "accuracy by trial")
    dataset["held_trial_accuracy"] = named(trial, held, "accuracy, modulator held at its mean")
    dataset["best_trial_accuracy"] = named(trial, best, "accuracy of an ideal observer")
    dataset["modulator"] = named(("seed", "event"), np.stack(when, 1), "mean of the modulator")
    dataset["late_accuracy"] = named(
        "seed", accuracy[:, late].mean(1), "accuracy in the last third of trials"
    )
    dataset["late_held"] = named(
        "seed", held[:, late].mean(1), "the same, modulator held at its mean"
    )
    return dataset.assign_coords(trial=np.arange(1, protocol.trials + 1), event=list(EVENTS))


def held_modulator(training: Training, M: np.ndarray, episodes: tasks.Episodes) -> Outcome:
    """Run the same networks with a modulating cell that says its mean, whatever happens."""
    mean = M.mean(axis=(0, 2))
    lesioned = training.with_parameters(
        m=0 * training.parameters["m"], d=np.arctanh(np.clip(mean, -0.999, 0.999))[:, None]
    )
    return training.network.run(lesioned.parameters, episodes)


EXPERIMENTS = (
    experiment(
        neuromodulation,
        "find the rewarded cue: plasticity gated by a cell of the network, or not",
        run=run,
        demo={"tested": 50, "episodes": 4000, "seeds": 4},
        figures=("meta_neuromodulation",),
    ),
)
