r"""A recurrent network as working memory, read out into the modulatory signal.

The reservoir hears each sample (input, class and code) for a fixed time and keeps an echo of
those before. Its readout is trained to give the signal of an exact window: beforehand on random
class-structured samples that have nothing to do with the task (ridge regression, or recursive
least squares, FORCE), or while the task is learned (LMS, or the reward-modulated Hebbian rule of
the 2021 program).

References
----------
Hoerzer G M, Legenstein R, Maass W (2014). Cerebral Cortex 24:677-690 (reward-modulated Hebb).
Sussillo D, Abbott L F (2009). Neuron 63:544-557 (FORCE).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol import checks
from spikeconsol.bottleneck.equations.reservoirs import GATED, RESERVOIR, RESERVOIR_STEP
from spikeconsol.bottleneck.hsic import layer_norm
from spikeconsol.bottleneck.memory.base import Array, Memory, Place, require_sample
from spikeconsol.bottleneck.memory.cells import (
    FROZEN,
    KEPT,
    Cells,
    SpikingForm,
    Wires,
    echo_readout,
    held_parameter,
    readout_weights,
)
from spikeconsol.bottleneck.memory.window import Window
from spikeconsol.parameters import ParameterError, parameter

__all__ = ["Reservoir", "class_structured_stream"]


@dataclass
class Reservoir(Memory):
    r"""Rate reservoir with a readout of the modulatory signal.

    .. math::
        \tau \dot u = g W_r r + W_{in} i + W_{fb} o - u, \quad r = \tanh(u), \quad o = W_{y} \phi

    with :math:`\phi` the rates and, if `direct`, the input; :math:`W_y` depends on the current
    class if the readout is gated. Its readout has been trained when it begins, or has a window as
    its teacher while it is used. Defaults hold a label-gated memory of some ten samples.
    """

    cells: int = parameter(300, at_least=1, doc="number of recurrent units")
    gain: float = parameter(0.9, at_least=0, doc="factor on recurrent weights of unit radius")
    connection_probability: float = parameter(
        0.1, above=0, at_most=1, doc="probability of a recurrent connection"
    )
    time_constant: float = parameter(3.0, above=0, doc="membrane time constant, in samples")
    steps: int = parameter(5, at_least=1, doc="integration steps per sample")
    input_scale: float = parameter(0.3, above=0, doc="input weights are uniform in +- this")
    input_gains: tuple[float, ...] = parameter(
        (0.0, 1.0, 0.5), at_least=0, doc="factors on network input, centred class and code"
    )
    feedback: float = parameter(0.0, at_least=0, doc="feedback weights are uniform in +- this")
    cell_noise: float = parameter(0.0, at_least=0, doc="uniform noise on rates, +- this")
    output_noise: float = parameter(0.0, at_least=0, doc="uniform noise on outputs in training")
    gated: bool = parameter(True, doc="one readout per class, chosen by the current label")
    direct: bool = parameter(True, doc="the readout sees the current input beside the rates")
    training: str = parameter(
        "ridge", choices=("ridge", "force", "lms", "reward_hebb"), doc="training of the readout"
    )
    regularisation: float = parameter(10.0, above=0, doc="ridge penalty, or 1/initial gain of RLS")
    learning_rate: float = parameter(5e-4, above=0, doc="of LMS and reward-modulated Hebb")
    rate_halving: float = parameter(
        float("inf"), above=0, doc="samples after which the Hebbian learning rate has halved"
    )
    averaging: float = parameter(1.5, at_least=1, doc="steps of the reward and output averages")
    samples: int = parameter(4000, at_least=2, doc="samples of training beforehand")
    block: int = parameter(200, at_least=2, doc="samples between new random class structures")
    window: int = parameter(8, at_least=2, doc="samples in the window that teaches the readout")
    silenced: bool = parameter(
        False, doc="control: the same inputs, readout and training, but silent recurrent units"
    )
    held: str = held_parameter()

    @property
    def online(self) -> bool:
        """Whether the readout learns from a window while the reservoir is in use."""
        return self.training in ("lms", "reward_hebb")

    def start(self, place: Place) -> None:
        """Draw the network; train its readout on random samples, unless it learns online."""
        self.draw(place)
        if not self.online:
            X, y, activity = class_structured_stream(
                place.inputs, place.units, place.classes, self.samples, self.block, rng=place.rng
            )
            self.train(X, y, layer_norm(activity)[0])
        self.kept[...] = 0
        self.used[0] = 0

    def draw(self, place: Place) -> None:
        """Draw the network; its readout is zero."""
        rng, units, classes = place.rng, place.units, place.classes
        # In double precision, whatever the network's.
        taught = dataclasses.replace(place, dtype=float, below=None)
        self.teacher = Window(self.window).begin(taught)
        self.learning = self.online
        self._gains = np.repeat(self.input_gains, [place.inputs, classes, units])
        heard = int(np.count_nonzero(self._gains))
        gates = classes if self.gated else 1
        connected = rng.random((self.cells, self.cells)) < self.connection_probability
        deviation = 1 / np.sqrt(self.connection_probability * self.cells)
        self.recurrent = self.gain * deviation * connected * rng.standard_normal(connected.shape)
        scale = self.input_scale
        self.input = rng.uniform(-scale, scale, (gates, self.cells, heard))
        self.fed_back = rng.uniform(-1, 1, (self.cells, units)) * self.feedback
        n_features = self.cells + (heard + 1) * self.direct
        self.readout = np.zeros((gates, units, n_features))
        self.membrane = np.zeros(self.cells)
        self.heard = np.zeros(heard)
        self.output = np.zeros(units)
        self.averages = np.zeros((gates, units + 1))  # of outputs and rewards
        self.scale = np.ones(1)  # running root mean square of the signals learned online
        self.cursor = np.zeros(2, np.int64)  # readout in use, samples taken in
        self.kept = np.zeros((0 if self.held == "present" else KEPT, self.cells))
        self.used = np.zeros(1, np.int64)  # samples whose rates have been kept

    def push(self, x: ArrayLike, y: int, z: ArrayLike) -> None:
        """Take in a sample for its whole duration; learn from the teacher if learning is on."""
        self._hear(x, y, z)
        target = None
        if self.online:
            self.teacher.push(x, y, z)
            target = self._scaled(self.teacher.signal()) if self.learning else None
        for _ in range(self.steps):
            self._step()
            if target is not None:
                self._learn(target)
        if len(self.kept) and (self.held != "constant" or self.used[0] < FROZEN):
            self.kept[self.used[0] % KEPT] = self._rates()
            self.used[0] += 1

    def signal(self) -> Array:
        """Readout of the current state, or of what a control puts in its place."""
        require_sample(self.cursor[1])
        seen = self._seen()
        if len(self.kept):
            seen[: self.cells] = self._in_place()
        return self.scale * (self.readout[self.cursor[0]] @ seen)

    def _in_place(self) -> Array:
        """Rates in place of the present ones."""
        used = int(self.used[0])
        if self.held == "constant":
            return self.kept[:used].mean(axis=0)
        if self.held == "late":
            return self.kept[(used - 2) % KEPT]  # silence before the first
        return self.kept[self.place.rng.integers(min(used, KEPT))]

    def features(self) -> Array:
        """Rates of the reservoir."""
        return self._rates()

    def state(self) -> dict[str, NDArray]:
        """Live arrays, weights included."""
        names = (
            "recurrent",
            "input",
            "readout",
            "membrane",
            "heard",
            "output",
            "averages",
            "scale",
            "cursor",
        )
        own = {name: getattr(self, name) for name in names} | {"feedback": self.fed_back}
        if len(self.kept):
            own |= {"kept": self.kept, "used": self.used}
        if self.online:
            own |= {f"teacher.{name}": array for name, array in self.teacher.state().items()}
        return own

    def train(self, X: Array, y: NDArray[np.int64], Z: Array) -> None:
        """Train the readout on a stream, the teacher window giving the targets.

        By ridge regression over the whole stream, or recursive least squares along it, in which
        the output is fed back as it is being learned.
        """
        features, targets = [], []
        inverse = np.eye(self.readout.shape[2]) / self.regularisation
        inverses = np.repeat(inverse[None], len(self.readout), axis=0)
        gates = np.asarray(y) if self.gated else np.zeros(len(y), int)
        for x, label, z, gate in zip(X, y, Z, gates, strict=True):
            self.teacher.push(x, label, z)
            self.push(x, label, z)
            seen, target = self._seen(), self.teacher.signal()
            features.append(seen)
            targets.append(target)
            if self.training == "force":
                P = inverses[gate]
                step = P @ seen / (1 + seen @ P @ seen)
                self.readout[gate] -= np.outer(self.readout[gate] @ seen - target, step)
                P -= np.outer(step, P @ seen)
        if self.training == "ridge":
            F, T = np.array(features), np.array(targets)
            for gate in np.unique(gates):
                self.readout[gate] = ridge(F[gates == gate], T[gates == gate], self.regularisation)

    def _hear(self, x: ArrayLike, y: int, z: ArrayLike) -> None:
        one_hot = np.full(self.place.classes, -1 / self.place.classes)
        one_hot[y] += 1
        everything = self._gains * np.concatenate([np.asarray(x), one_hot, np.asarray(z)])
        self.heard[:] = everything[self._gains > 0]
        self.cursor[:] = y if self.gated else 0, self.cursor[1] + 1

    def _step(self) -> None:
        if self.silenced:
            return
        drive = self.recurrent @ self._rates() - self.membrane
        drive += self.input[self.cursor[0]] @ self.heard
        if self.feedback > 0:
            drive += self.fed_back @ (self.readout[self.cursor[0]] @ self._seen())
        self.membrane += drive / (self.steps * self.time_constant)

    def _rates(self) -> Array:
        if self.silenced:
            return np.zeros(self.cells)
        rates, noise = np.tanh(self.membrane), self.cell_noise
        return rates + self.place.rng.uniform(-noise, noise, len(rates)) if noise else rates

    def _seen(self) -> Array:
        """What the readout sees: the rates and, if direct, the input and a constant."""
        if not self.direct:
            return self._rates()
        return np.concatenate([self._rates(), self.heard, [1.0]])

    def _scaled(self, target: Array) -> Array:
        """Divide a signal by its running root mean square, so that learning rates have no units."""
        square = np.mean(target**2)
        if square > 0:
            forget = 0.01 if self.averages.any() else 1.0
            self.scale[:] = np.sqrt((1 - forget) * self.scale**2 + forget * square)
        return target / self.scale

    def _learn(self, target: Array) -> None:
        seen = self._seen()
        readout, averages = self.readout[self.cursor[0]], self.averages[self.cursor[0]]
        output = readout @ seen + self.place.rng.uniform(-1, 1, len(target)) * self.output_noise
        reward = -np.sum((output - target) ** 2)
        if self.training == "lms":
            readout -= self.learning_rate * np.outer(output - target, seen)
        elif reward > averages[-1]:
            rate = self.learning_rate / (1 + self.cursor[1] / self.rate_halving)
            readout += rate * np.outer(output - averages[:-1], seen)
        averages[:-1] += (output - averages[:-1]) / self.averaging
        averages[-1] += (reward - averages[-1]) / self.averaging

    def in_spikes(self) -> SpikingForm:
        """Rate cells, one step per sample, with inputs and readouts gated by the class."""
        self.require_one_step()
        units, classes = self.place.units, self.place.classes
        gates = np.arange(classes) if self.gated else np.zeros(classes, int)
        _, class_gain, code_gain = self.input_gains
        centred = class_gain * (np.eye(classes) - 1 / classes)
        by_class, by_code = np.split(self.input[gates], [classes], axis=2)
        cuts = [self.cells, self.cells + classes, self.cells + classes + units]
        echo, from_class, from_code, constant = np.split(self.readout[gates], cuts, axis=2)
        # The class is the same for all that a gate lets through: its readout is one more constant.
        constant = constant + np.einsum("kuc,kc->ku", from_class, centred)[:, :, None]
        direct = np.concatenate([code_gain * from_code, constant], axis=2)
        population = Cells(
            "reservoir",
            self.cells,
            RESERVOIR,
            {"code": "class_now = memory_label", "coefficients": RESERVOIR_STEP},
            {"memory_label": "teacher", "taught": "teacher"},
            tables=("class_drive",),
        )
        hear = Wires(
            "hear",
            "cells",
            "reservoir",
            GATED,
            at_end={"compare": "drive_post += w*z_pre*int(class_gate == class_now_post)"},
            per_class=True,
        )
        recur = Wires(
            "echo", "reservoir", "reservoir", "w : 1", at_end={"kernel": "drive_post += w*rate_pre"}
        )
        read, held = echo_readout("reservoir", "rate", units, self.cells, self.held)
        return SpikingForm(
            (population, hear, recur, *read),
            state={
                "reservoir.u": np.zeros(self.cells),
                "reservoir.rate": np.zeros(self.cells),
                **held,
            },
            fixed={
                "hear.w": code_gain * by_code.transpose(2, 1, 0).ravel(),
                "class_drive": np.einsum("knc,kc->kn", by_class, centred),
                "echo.w": self.recurrent.T.ravel(),
                **readout_weights(echo, direct),
            },
            constants={
                "reservoir.leak": 1 / self.time_constant,
                "reservoir.audible": float(not self.silenced),
            },
        )

    def require_one_step(self) -> None:
        """Refuse what a rate reservoir cannot do inside the spiking network."""
        wanted = Reservoir(steps=1, direct=True)
        for name in (
            "steps",
            "feedback",
            "cell_noise",
            "output_noise",
            "direct",
            "training",
        ):
            if getattr(self, name) != getattr(wanted, name):
                raise ParameterError(
                    f"memory.{name}: got {getattr(self, name)!r}; allowed: "
                    f"{getattr(wanted, name)!r}, in spikes"
                )
        if self.input_gains[0] != 0:
            raise ParameterError(
                f"memory.input_gains: got {self.input_gains!r}; allowed: 0 for network inputs, "
                "in spikes"
            )


def class_structured_stream(
    inputs: int,
    units: int,
    classes: int,
    samples: int,
    block: int,
    *,
    rng: np.random.Generator,
) -> tuple[Array, NDArray[np.int64], Array]:
    """Random samples in clusters that belong to classes, drawn anew in every block.

    Each class has two clusters; how far the codes of clusters lie apart varies between blocks,
    as it does while a layer learns. Samples without class structure would carry no information
    about the signal.

    Returns
    -------
    X : ndarray, shape (samples, inputs)
    y : ndarray of int, shape (samples,)
    activity : ndarray, shape (samples, units)
        Rectified; its layer-normalised form is a code.
    """
    for name, value in (("inputs", inputs), ("units", units), ("classes", classes)):
        checks.whole(name, value, at_least=1)
    checks.whole("samples", samples, at_least=1)
    checks.whole("block", block, at_least=1)
    checks.instance("rng", rng, np.random.Generator)
    checks.memory(f"samples: {samples} of {inputs} inputs", 8.0 * samples * (inputs + units))
    X, activity = np.empty((samples, inputs)), np.empty((samples, units))
    y = rng.integers(classes, size=samples)
    cluster = 2 * y + rng.integers(2, size=samples)
    for start in range(0, samples, block):
        rows = slice(start, start + block)
        n = len(y[rows])
        X[rows] = rng.random((2 * classes, inputs))[cluster[rows]]
        X[rows] += 0.1 * rng.standard_normal((n, inputs))
        centres = rng.uniform(0.5, 3) * rng.standard_normal((2 * classes, units))
        noisy = centres[cluster[rows]] + rng.uniform(0.1, 1) * rng.standard_normal((n, units))
        activity[rows] = np.maximum(noisy, 0)
    return X, y, activity


def ridge(features: Array, targets: Array, penalty: float) -> Array:
    """Ridge regression weights, shape (targets, features)."""
    gram = features.T @ features + penalty * np.eye(features.shape[1])
    return np.linalg.solve(gram, features.T @ targets).T
