"""Spiking classifier whose hidden cells learn by a local Hebbian and a layer-wise HSIC factor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from spikeconsol.bottleneck import memory, signals
from spikeconsol.bottleneck.estimator import BottleneckEstimator
from spikeconsol.bottleneck.hsic import Objective
from spikeconsol.bottleneck.memory import Memory, Place, Reservoir
from spikeconsol.bottleneck.parameters import (
    Descent,
    InputCode,
    Protection,
    SpikingLayer,
)
from spikeconsol.bottleneck.program import LearningRecord, SpikingProgram
from spikeconsol.bottleneck.signals import FixedCodes, PerClass, require_own_text
from spikeconsol.brian import backend
from spikeconsol.parameters import ParameterError

__all__ = ["LearningRecord", "SpikingBottleneckClassifier"]


@dataclass(eq=False, repr=False)
class SpikingBottleneckClassifier(BottleneckEstimator):
    r"""Layers of leaky integrate-and-fire cells that learn one sample at a time.

    Inputs are Poisson spike trains; the code of a layer is its layer-normalised spike count. A
    synapse gathers an eligibility from presynaptic spikes that find the cell depolarised, and at
    the end of each sample changes by eligibility times the modulatory signal that a working
    memory supplies to its cell. A linear readout of the last code learns by the delta rule.

    Parameters
    ----------
    hidden, objective
        As for `BottleneckClassifier`.
    memory : Memory or str
        What remembers past samples, see `spikeconsol.bottleneck.memory`: an object that says what
        it is in spikes, or ``"window"``, ``"prototypes"``, ``"class_means"``, ``"reservoir"`` (of
        rate cells), ``"spiking_reservoir"``, or the reservoirs' memoryless controls,
        ``"silenced"`` and ``"spiking_silenced"``.
    signal : Signal or str
        ``"exact"``, an own `Signal`, or a control: ``"frozen"`` hidden layers, ``"permuted"`` (the
        memory is told random labels), ``"per_class"`` (attraction to a random code per class).
    optimiser : Descent, optional
        Learning rates, that of the hidden layers in units of the initial weights. They fall
        linearly over the epochs of `fit`, not in `partial_fit`.
    protection : Protection, optional
        As for `BottleneckClassifier`.
    input_code : InputCode, optional
        How features become intensities of input cells.
    layer : SpikingLayer, optional
        Constants of cells, synapses and spikes.
    target : {"standalone", "cython", "numpy"}, optional
        Where Brian2 runs; see `spikeconsol.brian.backend`.
    epochs, verbose, warm_start, random_state
        As for `BottleneckClassifier`.

    Attributes
    ----------
    network_ : SpikingProgram
        The compiled program with the state of the network.
    weights_ : list of ndarray, shape (below, cells)
        Weights onto every hidden layer.
    readout_ : ndarray, shape (cells, classes)
    classes_, n_features_in_, n_epochs_
        As for `BottleneckClassifier`.

    Notes
    -----
    A whole pass runs in the compiled program; samples are handed over in chunks of a few
    thousand, with weights, memory and readout carried from one to the next. Memory does not
    change in tests, and the input spikes of a test follow from the sample's content: the same
    sample is always answered alike.

    References
    ----------
    Daruwalla K, Lipasti M (2024). Front Comput Neurosci 18:1240348 (arXiv:2111.13187), whose
    networks have no spikes.
    """

    _kinds: ClassVar = BottleneckEstimator._kinds | {
        "input_code": InputCode,
        "layer": SpikingLayer,
    }
    _short: ClassVar = {
        "memory": memory.SHORT_FORMS
        | {
            "reservoir": Reservoir(steps=1),
            "silenced": Reservoir(steps=1, silenced=True),
        },
        "signal": {
            name: signals.SHORT_FORMS[name] for name in ("exact", "frozen", "permuted", "per_class")
        },
    }
    _default: ClassVar = {
        "objective": Objective(),
        "optimiser": Descent(learning_rate=0.01, readout_learning_rate=0.03, final_rate=0.05),
        "protection": Protection(),
        "input_code": InputCode(),
        "layer": SpikingLayer(),
    }

    hidden: tuple[int, ...] = (32,)
    _: KW_ONLY
    input_code: InputCode | None = None
    layer: SpikingLayer | None = None
    epochs: int = 1
    target: str | None = None

    def record(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None
    ) -> LearningRecord:
        """Go on learning as `partial_fit` does, and return all spikes and modulatory signals.

        Parameters are those of `partial_fit`; at most 2**21 input values and 4096 samples.
        """
        levels, labels, weight = self._begun(X, y, classes)
        net = self.network_
        if len(levels) > (most := net.runs.capacity):
            raise ParameterError(f"X: got {len(levels)} samples; allowed: <= {most}")
        (result,) = self._learn(levels, labels, np.ones(len(levels)), weight, recorded=True)
        layers = range(len(net.sizes) - 2)
        heard = [(cells, i) for i in layers for cells in net.recorded_memories(i)]
        return LearningRecord(
            input_cells=result["input_spikes.i"],
            input_times=result["input_spikes.t"],
            cells=[result[f"spikes{i}.i"] for i in layers],
            times=[result[f"spikes{i}.t"] for i in layers],
            counts=net.per_sample(result, "count"),
            signals=net.per_sample(result, "signal"),
            modulators=net.per_sample(result, "modulator"),
            traces=[
                result[f"{cells}_samples{i}.trace"].reshape(len(levels) + 1, -1)[1:]
                for cells, i in heard
            ],
            liquid_cells=[result[f"{cells}_spikes{i}.i"] for cells, i in heard],
            liquid_times=[result[f"{cells}_spikes{i}.t"] for cells, i in heard],
        )

    def spike_counts(self, X: ArrayLike) -> list[NDArray[np.float64]]:
        """Spikes of every hidden cell in response to samples, one (n, cells) array per layer."""
        return self.network_.counts(self._seen(X), self.target)

    def input_levels(self, X: NDArray) -> NDArray[np.floating]:
        """Intensities of the input cells, shape (n, inputs): see `InputCode.levels`."""
        return self._chosen("input_code").levels(X)

    def program(self, *, recorded: bool = False) -> backend.Program:
        """Return the compiled program that runs this network."""
        check_is_fitted(self, "classes_")
        return self.network_.program(recorded=recorded)

    @property
    def weights_(self) -> list[NDArray[np.float32]]:
        """Weights onto every hidden layer, in thresholds."""
        return self.network_.weights()

    @property
    def readout_(self) -> NDArray[np.float64]:
        """Weights of the readout, shape (cells, classes)."""
        return self.network_.readout()

    # ------------------------------------------------------------------- what is particular

    def _check_settings(self) -> None:
        signal, chosen, optimiser = self._signal, self._memory, self._optimiser
        signal.in_spikes()  # says what is allowed
        require_own_text(signal, "__call__")
        if type(chosen).in_spikes is Memory.in_spikes:
            chosen.in_spikes()
        require_own_text(chosen, "start", "push", "signal")
        if isinstance(chosen, Reservoir):
            chosen.require_one_step()
        if type(optimiser) is not Descent or optimiser.update_every != 1:
            raise ParameterError(
                f"optimiser: got {self.optimiser!r}; allowed: a Descent, with update_every=1"
            )
        if self.target is not None:
            backend.checked_target(self.target)

    def _checked(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool
    ) -> tuple[NDArray, NDArray, NDArray]:
        X, y, weight = super()._checked(X, y, sample_weight, reset=reset)
        return self.input_levels(X), y, weight

    def _seen(self, X: Any) -> NDArray:
        return self.input_levels(super()._seen(X))

    def _begin(self, X: NDArray, sizes: list[int], rngs: Sequence[np.random.Generator]) -> None:
        weights_rng, memory_rng = rngs
        signal, layer, forms = self._signal, self._chosen("layer"), []
        chosen = FixedCodes() if type(signal) is PerClass else self._memory
        inputs, *hidden, classes = sizes
        own = {"rng": memory_rng, "layer": layer, "target": self.target}
        for units in hidden:
            place = Place(inputs, units, classes, self._objective, **own)
            forms.append(chosen.begin(place).in_spikes())
        self.network_ = SpikingProgram.drawn(
            X,
            sizes,
            forms,
            layer=layer,
            signal=signal.in_spikes(),
            importance=self._protection.importance,
            rng=weights_rng,
        )

    def _begin_again(self, about: dict[str, Any], arrays: dict[str, NDArray]) -> None:
        X = np.zeros((1, about["n_features"]))
        self._begin_anew(arrays["classes"], self.input_levels(X))

    def _codes(self, X: NDArray) -> list[NDArray[np.floating]]:
        return [self.network_.layer.codes(count) for count in self.network_.counts(X, self.target)]

    def _logits(self, X: NDArray) -> NDArray[np.floating]:
        return self._codes(X)[-1] @ self.readout_

    def _arrays(self) -> dict[str, NDArray]:
        net = self.network_
        return net.state | net.fixed | {"units": net.units}

    def _schedule(self, progress: NDArray) -> NDArray:
        return 1 - (1 - self._optimiser.final_rate) * progress

    def _compare_only(self, labels: NDArray[np.int64]) -> None:
        compared = np.isin(np.arange(len(self.classes_)), labels)
        self.network_.fixed["outputs.compared"] = compared.astype(float)

    def _damp(self) -> None:
        self.network_.damp(self._protection)

    def _learn(
        self,
        X: NDArray,
        labels: NDArray[np.int64],
        schedule: NDArray,
        weight: NDArray,
        *,
        recorded: bool = False,
    ) -> list[dict[str, NDArray]]:
        """Learn chunk by chunk, and return what the program put out for each."""
        net, signal, optimiser = self.network_, self._signal, self._optimiser
        rate = optimiser.learning_rate if signal.teaches else 0.0
        results = []
        self._label_counts += np.bincount(labels, minlength=len(self.classes_))
        for part in net.runs.parts(len(X)):
            tables = {
                "samples": X[part],
                "labels": labels[part],
                "memory_labels": self._told(labels[part]),
                "schedule": schedule[part] * weight[part],
            }
            results.append(
                net.learn(
                    tables,
                    noise_seed=int(self._noise_rng.integers(2**30, 2**31)),
                    rates=(rate, optimiser.readout_learning_rate),
                    surprise_gate=signal.surprise_gate,
                    target=self.target,
                    recorded=recorded,
                )
            )
        return results
