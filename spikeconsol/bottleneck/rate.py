"""Online classifier whose hidden layers learn by a local Hebbian and a layer-wise HSIC factor."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol import checks
from spikeconsol.bottleneck import memory, signals
from spikeconsol.bottleneck.estimator import BottleneckEstimator
from spikeconsol.bottleneck.hsic import Objective, cosine, layer_objective, sliding_signals
from spikeconsol.bottleneck.memory import Memory, Place
from spikeconsol.bottleneck.network import Network
from spikeconsol.bottleneck.parameters import (
    Adam,
    Descent,
    Optimiser,
    Protection,
    RateLayer,
)
from spikeconsol.parameters import ParameterError

__all__ = ["BottleneckClassifier"]

#: Samples handed to the learning loop at once; bounds the memory that random signals take.
_CHUNK = 4096


@dataclass(eq=False, repr=False)
class BottleneckClassifier(BottleneckEstimator):
    r"""Layered network that learns one sample at a time without back-propagation.

    Each hidden layer descends its own objective HSIC(X, Z) - gamma HSIC(Y, Z): a synapse changes
    by its presynaptic activity times the slope of the postsynaptic unit (local) times a
    modulatory signal :math:`\xi` that a memory of recent samples supplies (global). A linear
    readout learns alongside by the delta rule.

    Settings are objects; their constants can be set by names such as ``memory__length``.

    Parameters
    ----------
    hidden : tuple of int
        Units of the hidden layers.
    objective : Objective, optional
        Its constants. Widths are for inputs as given.
    memory : Memory or str
        What remembers past samples, see `spikeconsol.bottleneck.memory`: an object, or
        ``"window"``, ``"prototypes"``, ``"class_means"``, ``"reservoir"``, ``"silenced"`` (its
        memoryless control).
    signal : Signal or str
        See `spikeconsol.bottleneck.signals`: an object, or ``"exact"``, a published variant
        (``"row_centred"``, ``"diag_release"``, ``"diag_prefix"``, ``"phsic"``; window only), or a
        control: ``"frozen"`` hidden layers, ``"permuted"`` (the memory is told random labels),
        ``"random"`` signals, a fixed random vector ``"per_class"``, plain ``"hebb"``, or
        ``"backprop"`` as reference.
    optimiser : Adam or Descent or str
        Learning rates, which fall along a cosine over the epochs of `fit`, not in `partial_fit`.
    protection : Protection, optional
        What damps synapses from task to task.
    layer : RateLayer, optional
        Activation and dynamics of the units.
    epochs : int
        Passes of `fit`, each in a new random order.
    backend : {"auto", "numba", "numpy"}
        Compiled loop or its NumPy twin, in which everything runs that is not of the library.
    verbose : int
        Print a line after every epoch.
    warm_start : bool
        Let `fit` go on from the network of the last call.
    random_state : int, RandomState instance or None

    Attributes
    ----------
    classes_ : ndarray, shape (classes,)
    network_ : Network
        Weights (`network_.weights`, last row the bias) and memories (`network_.memories`).
    n_features_in_ : int
    n_epochs_ : int
        Epochs of `fit` done.

    References
    ----------
    Daruwalla K, Lipasti M (2024). Front Comput Neurosci 18:1240348 (arXiv:2111.13187).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> net = BottleneckClassifier((64, 16), epochs=2, random_state=0).fit(X[:1400] / 16, y[:1400])
    >>> bool(net.score(X[1400:] / 16, y[1400:]) > 0.8)
    True
    """

    _kinds: ClassVar = BottleneckEstimator._kinds | {"layer": RateLayer}
    _short: ClassVar = {
        "memory": memory.SHORT_FORMS,
        "signal": signals.SHORT_FORMS,
        "optimiser": {"adam": Adam(), "sgd": Descent()},
    }
    _default: ClassVar = {
        "objective": Objective(),
        "protection": Protection(),
        "layer": RateLayer(),
    }

    _: KW_ONLY
    optimiser: Optimiser | str = "adam"
    layer: RateLayer | None = None
    backend: str = "auto"

    def layer_objectives(self, X: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Objective of every hidden layer over the samples taken as one window, shape (layers,)."""
        X = self._seen(X)
        one_hot = np.eye(len(self.classes_))[self._encode(y)]
        constants = self._objective.flat()
        return np.array([layer_objective(X, one_hot, z, **constants) for z in self._codes(X)])

    def signal_alignment(
        self, X: ArrayLike, y: ArrayLike, *, window: int | None = None
    ) -> NDArray[np.float64]:
        """Mean cosine of every layer's signal to the exact one along a stream of samples.

        Copies of the memories follow the stream; nothing is learned. NaN for signals that use no
        memory.

        Parameters
        ----------
        X, y : array_like, shapes (n, features) and (n,)
            More samples than the window holds.
        window : int, optional
            Length of the window of the exact signal; by default that of the memory, if it is a
            window or is taught by one, else 8.

        Returns
        -------
        ndarray, shape (layers,)
        """
        X = self._seen(X)
        codes = self._codes(X)
        if not self.network_.memories:
            return np.full(len(codes), np.nan)
        if window is None:
            window = getattr(self._memory, "length", getattr(self._memory, "window", 8))
        labels = self._encode(y)
        one_hot = np.eye(len(self.classes_))[labels]
        if self._signal.misinforms:
            labels = np.random.default_rng(0).permutation(labels)
        memories = copy.deepcopy(self.network_.memories)  # all at once: windows share samples
        found: list[list[NDArray]] = [[] for _ in memories]
        for i, (x, label) in enumerate(zip(X, labels, strict=True)):
            for held, z, said in zip(memories, codes, found, strict=True):
                held.push(x, int(label), z[i])
                said.append(held.signal())
        streams = (
            sliding_signals(X, one_hot, z, window=window, **self._objective.flat()) for z in codes
        )
        return np.array(
            [
                cosine(exact, said[window - 1 :]).mean()
                for exact, said in zip(streams, found, strict=True)
            ]
        )

    def _check_settings(self) -> None:
        checks.choice("backend", self.backend, ("auto", "numba", "numpy"))
        kind = type(self._memory)
        if self._chosen("layer").neuron == "leaky" and kind.revise is Memory.revise:
            raise ParameterError(f"neuron: got 'leaky'; allowed: instant, for {self.memory}")
        if type(self._optimiser) not in (Adam, Descent):
            raise ParameterError(
                f"optimiser: got {self.optimiser!r}; allowed: adam, sgd, an Adam or a Descent"
            )

    def _begin(self, X: NDArray, sizes: list[int], rngs: Sequence[np.random.Generator]) -> None:
        inputs, *hidden, classes = sizes
        weights_rng, memory_rng = rngs
        signal = self._signal
        memories: list[Memory] = []
        for units in hidden if signal.remembers else []:
            place = Place(
                inputs,
                units,
                classes,
                self._objective,
                signal.variant,
                X.dtype,
                memory_rng,
                memories[-1] if memories else None,
            )
            memories.append(self._memory.begin(place))
        self.network_ = Network(
            sizes,
            signal,
            memories,
            layer=self._chosen("layer"),
            optimiser=self._optimiser,
            protection=self._protection,
            rng=weights_rng,
            dtype=X.dtype,
        )

    def _seen(self, X: Any) -> NDArray:
        return super()._seen(X).astype(self.network_.weights[0].dtype, copy=False)

    def _codes(self, X: NDArray) -> list[NDArray[np.floating]]:
        return self.network_.codes(X)

    def _logits(self, X: NDArray) -> NDArray[np.floating]:
        return self.network_.logits(X)

    def _arrays(self) -> dict[str, NDArray]:
        return self.network_.state()

    def _schedule(self, progress: NDArray) -> NDArray:
        final = self._optimiser.final_rate
        return final + (1 - final) * 0.5 * (1 + np.cos(np.pi * progress))

    def _compare_only(self, labels: NDArray[np.int64]) -> None:
        self.network_.compare_only(labels)

    def _damp(self) -> None:
        self.network_.damp()

    def _learn(
        self, X: NDArray, labels: NDArray[np.int64], schedule: NDArray, weight: NDArray
    ) -> None:
        net = self.network_
        net.optimiser = self._optimiser
        real = net.weights[0].dtype
        X, schedule, weight = (a.astype(real, copy=False) for a in (X, schedule, weight))
        self._label_counts += np.bincount(labels, minlength=len(self.classes_))
        learn = self._loop()
        units = sum(map(len, net.membranes))
        for start in range(0, len(X), _CHUNK):
            part = slice(start, start + _CHUNK)
            told = self._told(labels[part])
            noise = np.zeros((len(told), 0), real)
            if net.signal.draws:
                noise = self._order_rng.standard_normal((len(told), units)).astype(real)
            learn(X[part], labels[part], told, noise, schedule[part], weight[part])

    def _loop(self) -> Callable[..., None]:
        """Return the compiled loop if there is one for this network, else the NumPy one."""
        if self.backend == "numpy":
            return self.network_.learn
        try:
            from spikeconsol.bottleneck import compiled
        except ImportError:
            if self.backend == "numba":
                raise
            return self.network_.learn
        if not compiled.supports(self.network_):
            return self.network_.learn
        return lambda *samples: compiled.learn(self.network_, *samples)
