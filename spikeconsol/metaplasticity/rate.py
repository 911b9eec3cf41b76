"""Training over episodes, all runs at once, and what it found.

Every run has its own stream of random numbers, so a run's result does not depend on the others
that are trained beside it, and a training that was stopped and resumed gives the same numbers as
one that was not.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import RandomState, SeedSequence, default_rng
from numpy.typing import NDArray

from spikeconsol.metaplasticity.network import FeedForward, Network, Plasticity
from spikeconsol.metaplasticity.optimiser import Adam, Optimiser, RMSClip
from spikeconsol.metaplasticity.recurrent import Recurrent
from spikeconsol.metaplasticity.result import Evaluation, Training
from spikeconsol.metaplasticity.tasks import (
    AutoAssociation,
    Completion,
    Conditioning,
    Episodes,
    Task,
    stack,
)

__all__ = ["build", "evaluate", "published_protocol", "train"]

#: Episodes drawn at a time.
CHUNK = 250
#: Chunks from one checkpoint to the next.
CHECKPOINT_EVERY = 8
BACKENDS = ("numpy", "jax")
DRAWS = ("bulk", "legacy")


def published_protocol(task: Task) -> tuple[Optimiser, int]:
    """Return the optimiser and the number of episodes published for a task.

    For the recurrent task, Adam as it is defined, with ten times the step of the original
    program, whose faulty second-moment decay enlarged its steps about tenfold.
    """
    if isinstance(task, Completion):
        return RMSClip(learning_rate=0.03, clip=0.1, l1=1e-3, l2=1e-4), 5000
    if isinstance(task, AutoAssociation):
        return Adam(), 10_000
    if isinstance(task, Conditioning):
        return RMSClip(learning_rate=0.01, clip=0.01, l1=1e-4), 20_000
    return RMSClip(), 10_000


def build(task: Task, plasticity: Plasticity | None = None, gradient: str = "exact") -> Network:
    """Return the network that a task is learned with."""
    plasticity = plasticity or Plasticity()
    if isinstance(task, AutoAssociation):
        return Recurrent(task, plasticity, gradient)
    return FeedForward(task, plasticity, gradient)


def train(
    task: Task,
    *,
    seeds: Sequence[int],
    episodes: int | None = None,
    frozen: int = 500,
    gradient: str = "exact",
    draws: str = "bulk",
    backend: str = "numpy",
    plasticity: Plasticity | None = None,
    optimiser: Optimiser | None = None,
    checkpoint: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Training:
    """Train one network per seed on a task.

    One episode of each run is one update. In the last episodes nothing is learned.

    Parameters
    ----------
    task : Task
        What to learn.
    seeds : sequence of int
        One run each.
    episodes : int, optional
        Episodes in total; default as published.
    frozen : int, optional
        How many of them, at the end, are the test.
    gradient : {"exact", "legacy2016"}, optional
        ``"legacy2016"`` computes the gradient of the program behind the published curves.
    draws : {"bulk", "legacy"}, optional
        ``"legacy"`` draws starting values and episodes in the order of that program.
    backend : {"numpy", "jax"}, optional
        ``"jax"`` needs the extra of that name.
    plasticity : Plasticity, optional
        What is plastic and what of it is learned; default: the published network.
    optimiser : RMSClip or Adam, optional
        Default as published for the task.
    checkpoint : path, optional
        File to which the state of the training goes every few thousand episodes. If it exists,
        training resumes from it and gives the same numbers as without the break.
    progress : callable, optional
        Called with the number of finished episodes and their total.

    Returns
    -------
    Training

    Raises
    ------
    ValueError
        If a setting is not allowed, or the checkpoint belongs to another training.
    ImportError
        If ``backend="jax"`` and JAX is not installed.

    References
    ----------
    Miconi, T. (2016). arXiv:1609.02228.
    """
    plasticity = plasticity or Plasticity()
    published_optimiser, published_episodes = published_protocol(task)
    optimiser = optimiser or published_optimiser
    episodes = published_episodes if episodes is None else episodes
    runs = tuple(int(seed) for seed in seeds)
    _check(runs, episodes, frozen, draws, backend)
    network = build(task, plasticity, gradient)
    learn_chunk = _numpy_chunk
    if backend == "jax":
        from spikeconsol.metaplasticity.jax_backend import learn_chunk

    stream = _Stream(task, network, runs, draws)
    theta = network.project(stream.start())
    state = optimiser.start(theta)
    errors, accuracy = np.empty((2, episodes, len(runs)))
    done, learning = 0, episodes - frozen
    settings = [task, plasticity, optimiser, gradient, draws, backend, runs, episodes, frozen]
    fingerprint = hashlib.sha256(
        repr([type(task).__name__, type(optimiser).__name__, *settings]).encode()
    ).hexdigest()
    path = Path(checkpoint) if checkpoint is not None else None
    if path is not None and path.exists():
        with np.load(path) as saved:
            if str(saved["fingerprint"]) != fingerprint:
                raise ValueError(
                    f"checkpoint: got {path}, made with other settings; allowed: a new file, or "
                    "one from the same training"
                )
            theta, state, done = saved["theta"], saved["state"], int(saved["done"])
            errors[:done], accuracy[:done] = saved["errors"], saved["accuracy"]
            stream.restore(saved)
    while done < learning:
        upto = min(learning, done + CHUNK)
        drawn = stream.next(upto - done)
        theta, state, errors[done:upto], accuracy[done:upto] = learn_chunk(
            network, optimiser, theta, state, drawn, done
        )
        done = upto
        if progress is not None:
            progress(done, episodes)
        if path is not None and (done == learning or done % (CHECKPOINT_EVERY * CHUNK) == 0):
            _save(
                path,
                fingerprint=fingerprint,
                theta=theta,
                state=state,
                done=done,
                errors=errors[:done],
                accuracy=accuracy[:done],
                **stream.saved(),
            )
    parameters = {name: value.copy() for name, value in network.views(theta).items()}
    test = _evaluate(network, parameters, (stream.next(n) for n in _pieces(frozen)))
    errors[learning:], accuracy[learning:] = test.error, test.accuracy
    if progress is not None:
        progress(episodes, episodes)
    return Training(
        task,
        plasticity,
        optimiser,
        gradient,
        draws,
        backend,
        runs,
        errors,
        accuracy,
        parameters,
        frozen,
        test,
    )


def evaluate(
    task: Task,
    parameters: Mapping[str, NDArray],
    *,
    seeds: Sequence[int],
    episodes: int = 500,
    plasticity: Plasticity | None = None,
) -> Evaluation:
    """Test trained runs on fresh episodes, of the task they learned or of another.

    Parameters
    ----------
    task : Task
        Episodes to test on; of the same number of inputs, cells and outputs.
    parameters : mapping of ndarray, shape (R, ...)
        From `Training.parameters`.
    seeds : sequence of int
        Of the R streams of episodes.
    episodes : int, optional
        Episodes of each run.
    plasticity : Plasticity, optional
        As in training.
    """
    network = build(task, plasticity)
    runs = tuple(int(seed) for seed in seeds)
    for name, shape in network.shapes.items():
        wanted = (len(runs), *shape)
        if name not in parameters or np.shape(parameters[name]) != wanted:
            got = np.shape(parameters[name]) if name in parameters else "none"
            raise ValueError(f"parameters: got {name} of shape {got}; allowed: {wanted}")
    stream = _Stream(task, network, runs, "bulk", purpose=1)
    return _evaluate(network, parameters, (stream.next(n) for n in _pieces(episodes)))


def _check(runs: tuple[int, ...], episodes: int, frozen: int, draws: str, backend: str) -> None:
    if not runs or len(set(runs)) < len(runs) or min(runs) < 0:
        raise ValueError(f"seeds: got {runs}; allowed: different whole numbers >= 0, at least one")
    if frozen < 1:
        raise ValueError(f"frozen: got {frozen}; allowed: >= 1")
    if episodes < frozen:
        raise ValueError(f"episodes: got {episodes}; allowed: >= frozen, {frozen}")
    if draws not in DRAWS:
        raise ValueError(f"draws: got {draws!r}; allowed: one of {', '.join(DRAWS)}")
    if backend not in BACKENDS:
        raise ValueError(f"backend: got {backend!r}; allowed: one of {', '.join(BACKENDS)}")


def _pieces(episodes: int, size: int = 50) -> list[int]:
    """Split the number of episodes of a test into those drawn at a time."""
    full, rest = divmod(episodes, size)
    return [size] * full + [rest] * bool(rest)


class _Stream:
    """Starting values and episodes of every run, each from its own random numbers."""

    def __init__(
        self, task: Task, network: Network, seeds: tuple[int, ...], draws: str, purpose: int = 0
    ) -> None:
        self._task, self._network, self._draws = task, network, draws
        if draws == "legacy":
            self._legacy = [RandomState(seed) for seed in seeds]
            return
        children = [SeedSequence(seed, spawn_key=(purpose,)).spawn(2) for seed in seeds]
        self._start = [default_rng(child[0]) for child in children]
        self._rngs = [default_rng(child[1]) for child in children]

    def start(self) -> NDArray:
        """Return the parameters at the start, shape (R, P)."""
        rngs = self._legacy if self._draws == "legacy" else self._start
        return np.stack([self._network.flatten(self._network.initial(rng)) for rng in rngs])

    def next(self, episodes: int) -> Episodes:
        """Return the next episodes of every run, arrays of shape (episodes, R, ...)."""
        if self._draws == "bulk":
            return stack([self._task.draw(rng, episodes) for rng in self._rngs])
        drawn = []
        for rng in self._legacy:
            each = [self._task.draw_legacy(rng) for _ in range(episodes)]
            drawn.append(
                Episodes(
                    np.concatenate([episode.x for episode in each]),
                    np.concatenate([episode.target for episode in each]),
                    np.concatenate([episode.scored for episode in each]),
                )
            )
        return stack(drawn)

    def saved(self) -> dict[str, Any]:
        """Return the state of all generators, for a checkpoint."""
        if self._draws == "legacy":
            states = [rng.get_state(legacy=False) for rng in self._legacy]
            keys = [state["state"]["key"] for state in states]
            return {"keys": keys, "positions": [state["state"]["pos"] for state in states]}
        return {"generators": [json.dumps(rng.bit_generator.state) for rng in self._rngs]}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Continue from the state in a checkpoint."""
        if self._draws == "legacy":
            # Normal numbers are drawn at the start only, so none can be left over.
            for rng, key, position in zip(
                self._legacy, saved["keys"], saved["positions"], strict=True
            ):
                rng.set_state(("MT19937", key, int(position), 0, 0.0))
        else:
            for generator, state in zip(self._rngs, saved["generators"], strict=True):
                generator.bit_generator.state = json.loads(str(state))


def _numpy_chunk(
    network: Network,
    optimiser: Optimiser,
    theta: NDArray,
    state: NDArray,
    episodes: Episodes,
    done: int,
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Learn from the episodes, (E, R, ...), one after another.

    Returns
    -------
    theta, state : ndarray
        Parameters and averages of the optimiser afterwards.
    error, accuracy : ndarray, shape (E, R)
    """
    outputs = []
    for n in range(len(episodes.x)):
        g, o = network.learn(theta, episodes[n])
        outputs.append(o)
        theta, state = optimiser.step(theta, g, state, done + n, network.penalised)
        theta = network.project(theta)
    outcome = network.outcome(np.stack(outputs), episodes)
    return theta, state, outcome.error, outcome.accuracy


def _evaluate(
    network: Network, parameters: Mapping[str, NDArray], pieces: Iterable[Episodes]
) -> Evaluation:
    """Run pieces of episodes, each (E, R, ...)."""
    errors, accuracy, step_error, step_accuracy, traces = [], [], [], [], []
    for episodes in _small(network, pieces):
        outcome = network.run(parameters, episodes)
        errors.append(outcome.error)
        accuracy.append(outcome.accuracy)
        step_error.append(outcome.step_error)
        step_accuracy.append(outcome.step_accuracy)
        if outcome.activity is not None:
            unlabelled = outcome.activity.traces[..., network.task.label_inputs :]
            traces.append(np.abs(unlabelled).mean(axis=-1))
    return Evaluation(
        np.concatenate(errors),
        np.concatenate(accuracy),
        np.concatenate(step_error).mean(axis=0),
        np.concatenate(step_accuracy).mean(axis=0),
        np.concatenate(traces).mean(axis=0) if traces else None,
    )


def _small(network: Network, pieces: Iterable[Episodes]) -> Iterator[Episodes]:
    """Cut pieces of episodes so that what a forward pass keeps stays below about 100 MB."""
    for drawn in pieces:
        _, runs, steps, inputs = drawn.x.shape
        kept = runs * steps * max(network.task.cells) * max(steps, inputs)
        limit = max(1, 8_000_000 // kept)
        for start in range(0, len(drawn.x), limit):
            yield drawn[start : start + limit]


def _save(path: Path, **arrays: Any) -> None:
    """Write a checkpoint so that a break at any moment leaves a whole one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    with open(temporary, "wb") as file:
        np.savez(file, **arrays)
    os.replace(temporary, path)
