"""Training over episodes, all runs at once, and what it found.

Every run has its own stream of random numbers, so a run's result does not depend on the others
that are trained beside it, and a training that was stopped and resumed gives the same numbers as
one that was not.
"""

from __future__ import annotations

import hashlib
import operator
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from spikeconsol import checks
from spikeconsol.metaplasticity.build import build
from spikeconsol.metaplasticity.layer import GRADIENTS
from spikeconsol.metaplasticity.network import Network
from spikeconsol.metaplasticity.optimiser import (
    OPTIMISERS,
    Adam,
    Learned,
    Learner,
    Optimiser,
    RMSClip,
)
from spikeconsol.metaplasticity.parameters import Plasticity
from spikeconsol.metaplasticity.result import Evaluation, Trained, Training
from spikeconsol.metaplasticity.stream import Stream
from spikeconsol.metaplasticity.task import Episodes, Task
from spikeconsol.metaplasticity.tasks import (
    AutoAssociation,
    Completion,
    Conditioning,
    CueReward,
    ImageCompletion,
)
from spikeconsol.progress_bar import steps_of
from spikeconsol.values import shown

__all__ = ["evaluate", "published_protocol", "train"]

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
    _check_kinds(task, None, None, None)
    if isinstance(task, Completion):
        return RMSClip(learning_rate=0.03, clip=0.1, l1=1e-3, l2=1e-4), 5000
    if isinstance(task, AutoAssociation):
        return Adam(), 10_000
    if isinstance(task, ImageCompletion):
        return Adam(learning_rate=1e-4), 100_000
    if isinstance(task, CueReward):
        return Adam(), 5000
    if isinstance(task, Conditioning):
        return RMSClip(learning_rate=0.01, clip=0.01, l1=1e-4), 20_000
    return RMSClip(), 10_000


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
    start: Trained | None = None,
    checkpoint: str | Path | None = None,
    progress: Callable[[int, int], None] | bool | None = None,
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
        What is plastic and what of it is learned; default: that of `start`, or the published
        network.
    optimiser : RMSClip, Adam or SGD, optional
        Default as published for the task.
    start : Trained or Training, optional
        Where to start: of the same sizes and as many runs. A decay that is given, not learned, is
        that of `task`. The optimiser's running averages start
        anew, and a `Training`'s successor sees other episodes than it did.
    checkpoint : path, optional
        File to which the state of the training goes every few thousand episodes. If it exists,
        training resumes from it and gives the same numbers as without the break; with more
        `episodes` a finished one goes on.
    progress : callable or bool, optional
        Called with the number of finished episodes and their total. By default a bar is shown
        where somebody can see it; False: nothing.

    Returns
    -------
    Training

    Raises
    ------
    TypeError, ValueError
        If a setting is not allowed, or the checkpoint belongs to another training.
    FloatingPointError
        If a run diverges.
    ImportError
        If ``backend="jax"`` and JAX is not installed.

    References
    ----------
    Miconi, T. (2016). arXiv:1609.02228.
    """
    _check_kinds(task, plasticity, optimiser, start)
    plasticity = plasticity or (start.plasticity if start is not None else Plasticity())
    published_optimiser, published_episodes = published_protocol(task)
    optimiser = optimiser or published_optimiser
    episodes = published_episodes if episodes is None else episodes
    runs = _runs(seeds)
    _check(episodes, frozen, gradient, draws, backend)
    if not isinstance(checkpoint, str | Path | None):
        raise TypeError(f"checkpoint: got {shown(checkpoint)}; allowed: a path")
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise TypeError(f"progress: got {shown(progress)}; allowed: a function, True or False")
    network = build(task, plasticity, gradient)
    stage = 0 if start is None else getattr(start, "stage", 0) + 1
    if backend == "jax":
        from spikeconsol.metaplasticity.jax_backend import learner
    else:
        learner = _learner
    learn = learner(network, optimiser)
    # Streams 0 and 1 are the first training's and those of `evaluate`.
    stream = Stream(task, network, runs, draws, purpose=stage + bool(stage))
    theta = network.project(stream.start() if start is None else _started(start, network, runs))
    state = optimiser.start(theta)
    errors, accuracy = np.empty((2, episodes, len(runs)))
    done, learning = 0, episodes - frozen
    settings = [task, plasticity, optimiser, gradient, draws, backend, runs, stage]
    started = b"" if start is None else theta.tobytes()
    fingerprint = hashlib.sha256(
        repr([type(task).__name__, type(optimiser).__name__, *settings]).encode() + started
    ).hexdigest()
    path = Path(checkpoint) if checkpoint is not None else None
    if path is not None and path.exists():
        saved = _load(path, fingerprint)
        theta, state, done = saved["theta"], saved["state"], int(saved["done"])
        if done > learning:
            raise ValueError(
                f"episodes: got {episodes}, {frozen} of them frozen; allowed: >= "
                f"{done + frozen}, as {done} are learned in checkpoint {path}"
            )
        errors[:done], accuracy[:done] = saved["errors"], saved["accuracy"]
        stream.restore(saved)
    tell = progress if callable(progress) else lambda done, total: None
    chunks = [(n, min(n + CHUNK, learning)) for n in range(done, learning, CHUNK)]
    silent = callable(progress) or progress is False
    for done, upto in chunks if silent else steps_of(chunks, "training", len(chunks)):
        drawn = stream.next(upto - done)
        # What diverges is found below, and said.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            theta, state, errors[done:upto], accuracy[done:upto] = learn(theta, state, drawn, done)
        _check_finite(theta, errors[done:upto], done, runs, optimiser)
        tell(upto, episodes)
        if path is not None and (upto == learning or upto % (CHECKPOINT_EVERY * CHUNK) == 0):
            _save(
                path,
                fingerprint=fingerprint,
                theta=theta,
                state=state,
                done=upto,
                errors=errors[:upto],
                accuracy=accuracy[:upto],
                **stream.saved(),
            )
    parameters = {name: value.copy() for name, value in network.views(theta).items()}
    pieces = _pieces(frozen)
    shown_pieces = pieces if silent else steps_of(pieces, "testing", len(pieces))
    test = _evaluate(network, parameters, (stream.next(n) for n in shown_pieces))
    errors[learning:], accuracy[learning:] = test.error, test.accuracy
    tell(episodes, episodes)
    return Training(
        task,
        plasticity,
        parameters,
        optimiser,
        gradient,
        draws,
        backend,
        runs,
        errors,
        accuracy,
        frozen,
        test,
        stage,
    )


def evaluate(
    trained: Trained,
    task: Task | None = None,
    *,
    seeds: Sequence[int] | None = None,
    episodes: int = 500,
) -> Evaluation:
    """Test trained runs on fresh episodes, of the task they learned or of another.

    Rule and decay are those of the training.

    Parameters
    ----------
    trained : Training or Trained
        R runs.
    task : Task, optional
        Episodes to test on; of the same number of inputs, cells and outputs, and of the decay
        that was trained: ``training.task.replace(steps=100)``. Default: what was learned.
    seeds : sequence of int, optional
        Of the R streams of episodes; default: those of the training.
    episodes : int, optional
        Episodes of each run.
    """
    if not isinstance(trained, Trained):
        raise TypeError(
            f"trained: got {shown(trained)}; allowed: a Training, or Trained(task, plasticity, "
            "parameters)"
        )
    if seeds is None and not isinstance(trained, Training):
        raise TypeError("seeds: got None; allowed: one whole number for each run")
    task = trained.task if task is None else task
    _check_kinds(task, None, None, None)
    if task.gamma != trained.task.gamma:
        raise ValueError(
            f"gamma: got {task.gamma} in the task; allowed: {trained.task.gamma}, with which it "
            "was trained, as in training.task.replace(...)"
        )
    network = build(task, trained.plasticity)
    _check_shapes(network, trained.network)
    runs = trained.seeds if seeds is None else _runs(seeds)  # type: ignore[attr-defined]
    if len(runs) != trained.runs:
        raise ValueError(f"seeds: got {len(runs)}; allowed: {trained.runs}, one for each run")
    episodes = checks.whole("episodes", episodes, at_least=1)
    stream = Stream(task, network, runs, "bulk", purpose=1)
    pieces = _pieces(episodes)
    drawn = (stream.next(n) for n in steps_of(pieces, "testing", len(pieces)))
    return _evaluate(network, trained.parameters, drawn)


def _check_kinds(task: object, plasticity: object, optimiser: object, start: object) -> None:
    """Refuse names and numbers in the place of objects."""
    if not isinstance(task, Task):
        raise TypeError(f"task: got {shown(task)}; allowed: a Task, such as tasks.OneShot()")
    for name, value, kinds in (
        ("plasticity", plasticity, (Plasticity,)),
        ("optimiser", optimiser, tuple(OPTIMISERS.values())),
        ("start", start, (Trained,)),
    ):
        if value is not None and not isinstance(value, kinds):
            allowed = ", ".join(kind.__name__ for kind in kinds)
            raise TypeError(f"{name}: got {shown(value)}; allowed: an object of {allowed}")


def _runs(seeds: Sequence[int]) -> tuple[int, ...]:
    """Return seeds as whole numbers."""
    allowed = "allowed: different whole numbers >= 0, at least one, as in range(20)"
    try:
        if isinstance(seeds, bytes) or any(isinstance(seed, bool) for seed in seeds):
            raise TypeError
        runs = tuple(operator.index(seed) for seed in seeds)
    except TypeError:
        raise TypeError(f"seeds: got {shown(seeds)}; {allowed}") from None
    if not runs or len(set(runs)) < len(runs) or min(runs) < 0:
        raise ValueError(f"seeds: got {shown(runs)}; {allowed}")
    return runs


def _check(episodes: int, frozen: int, gradient: str, draws: str, backend: str) -> None:
    for name, value in (("episodes", episodes), ("frozen", frozen)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"{name}: got {shown(value)}; allowed: a whole number")
    if frozen < 1:
        raise ValueError(f"frozen: got {frozen}; allowed: >= 1")
    if episodes < frozen:
        raise ValueError(f"episodes: got {episodes}; allowed: >= frozen, {frozen}")
    checks.choice("gradient", gradient, GRADIENTS)
    checks.choice("draws", draws, DRAWS)
    checks.choice("backend", backend, BACKENDS)


def _check_shapes(network: Network, trained: Network) -> None:
    """Refuse a task whose network is of other sizes than the trained one."""
    if network.shapes != trained.shapes:
        names = (*network.shapes, *trained.shapes)
        name = next(n for n in names if network.shapes.get(n) != trained.shapes.get(n))
        given, wanted = (of.shapes.get(name, "none") for of in (network, trained))
        raise ValueError(
            f"task: got a network with {name} of shape {given}; allowed: {wanted}, as it was "
            "trained"
        )


def _started(start: Trained, network: Network, runs: tuple[int, ...]) -> NDArray:
    """Return the flat parameters of an earlier training."""
    _check_shapes(network, start.network)
    if start.runs != len(runs):
        raise ValueError(f"start: got {start.runs} runs; allowed: {len(runs)}, one for each seed")
    for name, value in start.parameters.items():
        if not np.isfinite(value).all():
            raise ValueError(f"start: got {name} with nan or infinities; allowed: finite numbers")
    return network.flatten(start.parameters)


def _check_finite(
    theta: NDArray, errors: NDArray, done: int, runs: tuple[int, ...], optimiser: Optimiser
) -> None:
    """Stop a training that has diverged."""
    bad = ~np.isfinite(errors)
    lost = bad.any(axis=0) | ~np.isfinite(theta).all(axis=1)
    if lost.any():
        run = int(np.argmax(lost))
        first = int(np.argmax(bad[:, run])) if bad[:, run].any() else len(errors) - 1
        raise FloatingPointError(
            f"seed {runs[run]}: the error is {errors[first, run]:g} in episode {done + first}; "
            f"allowed: finite (learning_rate is {optimiser.learning_rate:g}: try a smaller one)"
        )


def _pieces(episodes: int, size: int = 50) -> list[int]:
    """Split the number of episodes of a test into those drawn at a time."""
    full, rest = divmod(episodes, size)
    return [size] * full + [rest] * bool(rest)


def _learner(network: Network, optimiser: Optimiser) -> Learner:
    """Return what learns from episodes, (E, R, ...), of which `done` came before.

    It returns parameters, averages, errors and accuracies.
    """

    def learn(theta: NDArray, state: NDArray, episodes: Episodes, done: int) -> Learned:
        outputs = []
        for n in range(len(episodes.x)):
            g, o = network.learn(theta, episodes[n])
            outputs.append(o)
            theta, state = optimiser.step(theta, g, state, done + n, network.penalised)
            theta = network.project(theta)
        outcome = network.outcome(np.stack(outputs), episodes)
        return theta, state, outcome.error, outcome.accuracy

    return learn


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


def _load(path: Path, fingerprint: str) -> dict[str, NDArray]:
    """Read a checkpoint of the same training."""
    try:
        with np.load(path) as file:
            saved = dict(file)
        same = str(saved["fingerprint"]) == fingerprint
    except (OSError, ValueError, KeyError, BadZipFile, AttributeError, TypeError) as error:
        raise ValueError(
            f"checkpoint: got {path}, which is none; allowed: a new file, or one from the same "
            "training"
        ) from error
    if not same:
        raise ValueError(
            f"checkpoint: got {path}, made with other settings; allowed: a new file, or "
            "one from the same training"
        )
    return saved


def _save(path: Path, **arrays: Any) -> None:
    """Write a checkpoint so that a break at any moment leaves a whole one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    with open(temporary, "wb") as file:
        np.savez(file, **arrays)
    os.replace(temporary, path)
