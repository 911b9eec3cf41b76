"""Meta-training beside the paper's recursion written plainly, one weight and one step at a time.

The plain form follows the published equations as they stand: the sensitivity of every step's
activity to every weight, summed over all earlier steps and all inputs, in Python. It is written
from the equations, runs one network, and is checked against the package before it is timed. It is
also timed with the sum over inputs, which does not depend on the weight, taken out of the loop
over weights. Rates include drawing episodes and the optimiser; compiling is reported apart.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np

from benchmarks.common import Row, cpu_of, interleaved, row
from spikeconsol.metaplasticity import published_protocol, train
from spikeconsol.metaplasticity.build import build
from spikeconsol.metaplasticity.tasks import Completion, Episodes, OneShot, Reversal, Task

NAME = "meta-training, 20 networks"
RUNS, EPISODES = 20, 3000
PLAIN, HOISTED = "recursion as printed", "sum over inputs taken out"
TASKS = {"one-shot": OneShot(), "reversal": Reversal(), "completion": Completion()}


def run(quick: bool) -> list[Row]:
    """Time every form of every task, interleaved."""
    rows = []
    for name, task in TASKS.items():
        check(task)
        contenders = forms(task)
        if find_spec("jax") is not None:
            started = time.perf_counter()
            train(task, seeds=range(RUNS), episodes=251, frozen=1, backend="jax")
            compiling = [time.perf_counter() - started]
            rows.append(row(NAME, "JAX", "compiling", compiling, "s", task=name))
        rates = interleaved(contenders, 1 if quick else 3)
        for form, rate in rates.items():
            rows.append(row(NAME, form, "run-episodes", rate, "1/s", task=name))
        for form, rate in rates.items():
            if form not in (PLAIN, HOISTED):
                ratio = np.divide(rate, rates[PLAIN])
                rows.append(row(NAME, form, f"faster than the {PLAIN}", ratio, "times", task=name))
    return rows


def forms(task: Task) -> dict[str, Callable[[], float]]:
    """Return every form of training, each a function that returns run-episodes per second."""
    plain = 400 if isinstance(task, Completion) else 25

    def trained(episodes: int, **options: str) -> Callable[[], object]:
        return lambda: train(task, seeds=range(RUNS), episodes=episodes, frozen=1, **options)

    training: dict[str, tuple[Callable[[], object], int]] = {
        PLAIN: (lambda: PlainNetwork(task, 0).learn(plain), plain),
        HOISTED: (lambda: PlainNetwork(task, 0, hoisted=True).learn(4 * plain), 4 * plain),
        "NumPy": (trained(EPISODES), RUNS * EPISODES),
    }
    if find_spec("jax") is not None:
        training["JAX"] = trained(4 * EPISODES + 1, backend="jax"), RUNS * 4 * EPISODES
    return {
        name: lambda learn=learn, count=count: count / cpu_of(learn)
        for name, (learn, count) in training.items()
    }


class PlainNetwork:
    """One network, trained by the recursion over every weight and every pair of steps."""

    def __init__(self, task: Task, seed: int, hoisted: bool = False) -> None:
        self.task, self.hoisted = task, hoisted
        self.rng = np.random.default_rng(seed)
        self.optimiser, _ = published_protocol(task)
        start = build(task).initial(self.rng)
        self.parameters = {name: value.tolist() for name, value in start.items()}
        if "V" not in self.parameters:
            Y = task.cells[0]
            self.parameters["V"] = [[float(z == y) for y in range(Y)] for z in range(Y)]
        self.mean_square: dict[str, list] = {}

    def gradient(self, episode: Episodes) -> tuple[dict[str, list], float]:
        """Return the gradient and the summed error of one episode, arrays without leading axes."""
        p, gamma = self.parameters, self.task.gamma
        x, target = episode.x.tolist(), episode.target.tolist()
        scored = episode.scored[:, 0].tolist()
        w, alpha, b, V, c = (p[name] for name in ("w", "alpha", "b", "V", "c"))
        T, K, Y, Z = len(x), len(w[0]), len(w), len(c)
        g = {
            "w": [[0.0] * K for _ in range(Y)],
            "alpha": [[0.0] * K for _ in range(Y)],
            "b": [0.0] * Y,
            "V": [[0.0] * Y for _ in range(Z)],
            "c": [0.0] * Z,
        }
        H = [[0.0] * K for _ in range(Y)]
        # Sensitivities of a cell's activity at all steps so far: [cell][weight][step].
        dw = [[[] for _ in range(K)] for _ in range(Y)]
        dalpha = [[[] for _ in range(K)] for _ in range(Y)]
        db = [[] for _ in range(Y)]
        error = 0.0
        for t in range(T):
            y = []
            for j in range(Y):
                a = b[j]
                for k in range(K):
                    a += (w[j][k] + alpha[j][k] * H[j][k]) * x[t][k]
                y_j = math.tanh(a)
                y.append(y_j)
                D = 1 - y_j * y_j
                kernel: list[float] = []
                if self.hoisted:
                    kernel = [
                        (1 - gamma)
                        * gamma ** (t - u - 1)
                        * sum(alpha[j][n] * x[t][n] * x[u][n] for n in range(K))
                        for u in range(t)
                    ]

                def earlier(
                    history: list[float], t: int = t, j: int = j, kernel: list[float] = kernel
                ) -> float:
                    """Sum the effect of all earlier steps through the traces of all inputs."""
                    total = 0.0
                    if self.hoisted:
                        for u in range(t):
                            total += kernel[u] * history[u]
                        return total
                    for n in range(K):
                        by_input = 0.0
                        for u in range(t):
                            by_input += (1 - gamma) * gamma ** (t - u - 1) * x[u][n] * history[u]
                        total += alpha[j][n] * x[t][n] * by_input
                    return total

                for k in range(K):
                    dw[j][k].append(D * (x[t][k] + earlier(dw[j][k])))
                    dalpha[j][k].append(D * (x[t][k] * H[j][k] + earlier(dalpha[j][k])))
                db[j].append(D * (1 + earlier(db[j])))
            for j in range(Y):
                for k in range(K):
                    H[j][k] = gamma * H[j][k] + (1 - gamma) * y[j] * x[t][k]
            o = [c[z] + sum(V[z][j] * y[j] for j in range(Y)) for z in range(Z)]
            if not scored[t]:
                continue
            if self.task.loss == "squared":
                do = [2 * (o[z] - target[t][z]) for z in range(Z)]
                error += sum((o[z] - target[t][z]) ** 2 for z in range(Z))
            else:
                exponentials = [math.exp(value) for value in o]
                denominator = sum(exponentials) + 1e-8
                do = [exponentials[z] / denominator - target[t][z] for z in range(Z)]
                right = sum(exponentials[z] * target[t][z] for z in range(Z))
                error -= math.log(right / denominator)
            for z in range(Z):
                g["c"][z] += do[z]
                for j in range(Y):
                    g["V"][z][j] += do[z] * y[j]
            for j in range(Y):
                e = sum(V[z][j] * do[z] for z in range(Z))
                g["b"][j] += e * db[j][t]
                for k in range(K):
                    g["w"][j][k] += e * dw[j][k][t]
                    g["alpha"][j][k] += e * dalpha[j][k][t]
        return g, error

    def learn(self, episodes: int) -> None:
        """Train for a number of episodes."""
        drawn = self.task.draw(self.rng, episodes)
        for n in range(episodes):
            g, _ = self.gradient(drawn[n])
            self._step(g)

    def _step(self, g: dict[str, list]) -> None:
        rate, clip = self.optimiser.learning_rate, self.optimiser.clip
        names = ["w", "alpha", "b", "c"] + ["V"] * (self.task.readout == "linear")
        for name in names:
            values = np.array(self.parameters[name])
            gradient = np.array(g[name])
            m = self.mean_square.get(name)
            m = gradient**2 if m is None else m + 0.01 * (gradient**2 - m)
            self.mean_square[name] = m
            values += np.clip(-rate * gradient / np.sqrt(m + 1e-8), -clip, clip)
            if name in ("w", "alpha", "V"):
                values -= self.optimiser.l1 * np.sign(values) + self.optimiser.l2 * values
            self.parameters[name] = values.tolist()


def check(task: Task) -> None:
    """Refuse to time a plain gradient that is not the package's."""
    plain = PlainNetwork(task, 0)
    episode = task.draw(np.random.default_rng(1), 1)[0]
    network = build(task)
    theta = network.flatten(
        {name: np.array(plain.parameters[name])[None] for name in network.shapes}
    )
    g, _ = network.learn(
        theta, Episodes(episode.x[None], episode.target[None], episode.scored[None])
    )
    found, _ = plain.gradient(episode)
    for name, value in network.views(g).items():
        np.testing.assert_allclose(value[0], found[name], rtol=0, atol=1e-9)
