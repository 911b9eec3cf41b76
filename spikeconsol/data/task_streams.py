"""Streams of tasks one after another, and how what is learned from them is scored.

Four scenarios (van de Ven and Tolias 2019, arXiv:1904.07734). In the first three the classes come
in pairs, the pairs one after another:

``"task"``
    Every task has its own pair of classes, and at test it is known which pair it is.
``"domain"``
    The label is the place within the pair (even or odd digit); the task is not known at test.
``"class"``
    The label is the class itself, chosen among all classes of all tasks.
``"permuted"``
    Every task has all classes, with the features in an order of its own; the task is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol import checks

__all__ = ["SCENARIOS", "Task", "TaskStream", "accuracy_course", "course_summary", "task_stream"]

SCENARIOS = ("task", "domain", "class", "permuted")


class Task(NamedTuple):
    """Samples of one task: inputs (n, features), labels (n,), the labels told apart at test."""

    X: NDArray[np.floating]
    y: NDArray[np.int64]
    classes: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TaskStream:
    """Tasks one after another, made when they are asked for: ``for task in stream``.

    Attributes
    ----------
    scenario : str
    classes : ndarray of int
        All labels that ever occur.
    """

    scenario: str
    classes: NDArray[np.int64]
    _X: NDArray[np.floating]
    _y: NDArray[np.int64]
    _original: NDArray[np.int64]
    _rows: tuple[NDArray[np.intp], ...]
    _orders: tuple[NDArray[np.intp], ...]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Task]:
        return self._tasks(self._X, self._y, self._rows)

    def held_out(self, X: ArrayLike, y: ArrayLike) -> tuple[Task, ...]:
        """Turn test samples, given as the training samples were, into one test for every task.

        Parameters
        ----------
        X : array_like, shape (n, features)
        y : array_like of int, shape (n,)

        Raises
        ------
        ValueError
            If a class is none of the training samples'.
        """
        X, y = _samples(X, y, self._X.shape[1])
        unknown = np.setdiff1d(y, self._original)
        if unknown.size:
            raise ValueError(f"y: got class {unknown[0]}; allowed: {self._original.tolist()}")
        rows = _divided(y, self._original, self.scenario, len(self), np.arange(len(y)))
        return tuple(self._tasks(X, y, rows))

    def _tasks(
        self, X: NDArray, y: NDArray[np.int64], rows: tuple[NDArray[np.intp], ...]
    ) -> Iterator[Task]:
        for number, mine in enumerate(rows):
            pair = self._original[2 * number : 2 * number + 2]
            labels, classes = y[mine], self.classes
            if self.scenario == "domain":
                labels = np.searchsorted(pair, labels)
            elif self.scenario == "task":
                classes = pair
            features = X[mine]
            if self.scenario == "permuted":
                features = np.ascontiguousarray(features[:, self._orders[number]])
            yield Task(features, labels, classes)


def task_stream(
    X: ArrayLike, y: ArrayLike, scenario: str = "domain", *, tasks: int = 10, seed: int = 0
) -> TaskStream:
    """Deal samples out to tasks that come one after another, each sample once.

    Parameters
    ----------
    X : array_like, shape (n, features)
    y : array_like of int, shape (n,)
    scenario : {"domain", "class", "task", "permuted"}
        See the module's description. But for ``"permuted"``, there must be an even number of
        classes, and there is a task for every pair of neighbours.
    tasks : int
        Number of permuted tasks; the first has the features as they are.
    seed : int
        Draws the order within tasks, and the orders of features.

    Returns
    -------
    TaskStream

    Examples
    --------
    >>> stream = task_stream(np.eye(4), [0, 1, 2, 3], "domain")
    >>> [task.y.tolist() for task in stream]
    [[0, 1], [0, 1]]
    """
    X, y = _samples(X, y)
    checks.choice("scenario", scenario, SCENARIOS)
    tasks = checks.whole("tasks", tasks, at_least=1)
    original = np.unique(y)
    if scenario != "permuted":
        if len(original) % 2:
            raise ValueError(f"y: got {len(original)} classes; allowed: an even number, for pairs")
        tasks = len(original) // 2
    checks.whole("tasks", tasks, at_most=len(X))
    rng = np.random.default_rng(checks.seed("seed", seed))
    rows = _divided(y, original, scenario, tasks, rng.permutation(len(y)))
    orders = [np.arange(X.shape[1])]
    orders += [rng.permutation(X.shape[1]) for _ in range(tasks - 1)]
    classes = np.arange(2) if scenario == "domain" else original
    return TaskStream(scenario, classes, X, y, original, rows, tuple(orders))


def accuracy_course(
    learner: Any, stream: TaskStream, X_test: ArrayLike, y_test: ArrayLike
) -> NDArray[np.float64]:
    """Show a stream to a learner and test it after every task on all tasks so far.

    Parameters
    ----------
    learner : estimator
        With ``partial_fit(X, y, classes=...)``, called once for each task, and ``predict``; where
        the task is known at test, ``decision_function`` or ``predict_proba``.
    stream : TaskStream
    X_test, y_test : array_like
        Test samples as they are before they are dealt out.

    Returns
    -------
    ndarray, shape (tasks, tasks)
        Accuracy on the task of the column after that of the row; NaN above the diagonal.

    Raises
    ------
    ParameterError
        If the learner cannot learn task after task, or the stream is none.
    """
    checks.instance("stream", stream, TaskStream)
    if not (hasattr(learner, "partial_fit") and hasattr(learner, "predict")):
        raise checks.wrong("learner", learner, "an estimator with partial_fit and predict")
    tests = stream.held_out(X_test, y_test)
    course = np.full((len(stream), len(stream)), np.nan)
    for now, task in enumerate(stream):
        learner.partial_fit(task.X, task.y, classes=stream.classes)
        for then, test in enumerate(tests[: now + 1]):
            course[now, then] = np.mean(_answers(learner, test, stream) == test.y)
    return course


def course_summary(course: ArrayLike) -> dict[str, float]:
    """Summarise an `accuracy_course`.

    Returns
    -------
    dict
        ``final``: mean accuracy over tasks at the end; ``learned``: right after each task;
        ``lost``: what has been lost since, over all tasks but the last.
    """
    course = checks.array("course", course, finite=False)
    if course.ndim != 2 or course.shape[0] != course.shape[1] or not len(course):
        raise checks.wrong("course", course, "a square matrix, from `accuracy_course`")
    learned, final = np.diagonal(course), course[-1]
    lost = (learned - final)[:-1].mean() if len(course) > 1 else 0.0
    return {"final": final.mean(), "learned": learned.mean(), "lost": float(lost)}


def _answers(learner: Any, test: Task, stream: TaskStream) -> NDArray:
    if len(test.classes) == len(stream.classes):
        return learner.predict(test.X)
    score = getattr(learner, "decision_function", None) or learner.predict_proba
    mine = np.searchsorted(stream.classes, test.classes)
    return test.classes[np.argmax(score(test.X)[:, mine], axis=1)]


def _samples(X: ArrayLike, y: ArrayLike, features: int | None = None) -> tuple[NDArray, NDArray]:
    X, y = checks.array("X", X), np.asarray(y)
    if X.ndim != 2 or (features is not None and X.shape[1] != features):
        raise ValueError(f"X: got shape {X.shape}; allowed: (n, {features or 'features'})")
    if y.shape != X.shape[:1] or y.dtype.kind not in "iu" or not len(y):
        raise ValueError(
            f"y: got shape {y.shape} of {y.dtype}; allowed: ({len(X)},) of int, at least one"
        )
    return X, y.astype(np.int64)


def _divided(
    y: NDArray[np.int64],
    original: NDArray[np.int64],
    scenario: str,
    tasks: int,
    order: NDArray[np.intp],
) -> tuple[NDArray[np.intp], ...]:
    """Rows of every task, in the order given."""
    if scenario == "permuted":
        return tuple(np.array_split(order, tasks))
    pairs = np.searchsorted(original, y[order]) // 2
    return tuple(order[pairs == task] for task in range(tasks))
