"""Settings and samples of estimators: objects with constants as nested parameters, and checks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from spikeconsol import checks
from spikeconsol.parameters import Declared, ParameterError, unknown_name
from spikeconsol.values import shown

__all__ = [
    "GoingOn",
    "ObjectSettings",
    "chosen",
    "generator",
    "samples",
]

Kind = TypeVar("Kind")


def generator(random_state: int | np.random.RandomState | None) -> np.random.Generator:
    """Return a generator of random numbers for what scikit-learn calls a random state."""
    checks.random_state("random_state", random_state)
    if isinstance(random_state, np.random.RandomState):
        random_state = random_state.randint(2**31)
    return np.random.default_rng(random_state)


def samples(estimator: BaseEstimator, X: Any, y: Any = "no_validation", **options: Any) -> Any:
    """Check samples, and classes if there are any, as scikit-learn does; errors are one line.

    Raises
    ------
    ValueError, TypeError
        In scikit-learn's words; also for masked values, which it would take for numbers.
    """
    for name, value in (("X", X), ("y", y)):
        if np.ma.is_masked(value):
            raise checks.wrong(name, value, "an array of numbers without masked values")
    try:
        return validate_data(estimator, X, y, **options)
    except (ValueError, TypeError) as error:
        raise type(error)(" ".join(str(error).split())) from None


def class_numbers(y: ArrayLike, classes: NDArray) -> NDArray[np.int64]:
    """Return the place of every sample's class among the classes, shape (n,).

    Raises
    ------
    ValueError
        If a class is none of them.
    """
    unknown = np.setdiff1d(y, classes)
    if unknown.size:
        raise ValueError(f"y: got class {unknown[0]}; allowed: {classes.tolist()}")
    return np.searchsorted(classes, y).astype(np.int64)


def require_classes(given: NDArray, known: NDArray) -> None:
    """Refuse to go on with other classes than those with which learning began.

    Raises
    ------
    ValueError
        If they differ.
    """
    if not np.array_equal(given, known):
        raise ValueError(f"classes: got {given.tolist()}; allowed: {known.tolist()}, as at first")


class GoingOn(BaseEstimator):
    """Estimator that learns on and on, with the settings that it was made for."""

    #: Settings that may change while it learns.
    _free: ClassVar[Collection[str]] = ()

    def _note_settings(self) -> None:
        """Remember the settings with which learning begins."""
        fixed = [name for name in self.get_params(deep=False) if name not in self._free]
        self._made_for = {name: self._fixed_setting(name) for name in fixed}

    def _require_settings(self) -> None:
        """Refuse to go on with other settings."""
        for name, before in self._made_for.items():
            if (now := self._fixed_setting(name)) != before:
                raise ParameterError(
                    f"{name}: got {now!r}; allowed: {before!r}, as when learning began (fit "
                    "begins anew)"
                )

    def _fixed_setting(self, name: str) -> Any:
        return getattr(self, name)


class ObjectSettings(GoingOn):
    """Estimator whose settings may be objects.

    A setting is an object, one of the short forms in `_short`, or None for the default in
    `_default`; `_chosen` returns the object. Constants of objects are parameters of the estimator
    under names such as ``memory__length``.
    """

    #: Class, short forms and default of every setting that is an object.
    _kinds: ClassVar[Mapping[str, type[Declared]]]
    _short: ClassVar[Mapping[str, Mapping[str, Declared]]]
    _default: ClassVar[Mapping[str, Declared]]

    def _chosen(self, name: str) -> Any:
        """Return the object that a setting stands for."""
        value, kind = getattr(self, name), self._kinds[name]
        if value is None and name in self._default:
            return self._default[name]
        short = self._short.get(name, {})
        if isinstance(value, str) and value in short:
            return short[value]
        if not isinstance(value, kind):
            names = "".join(f"{text}, " for text in short)
            raise ParameterError(f"{name}: got {shown(value)}; allowed: {names}a {kind.__name__}")
        return value

    def _fixed_setting(self, name: str) -> Any:
        return self._chosen(name) if name in self._kinds else super()._fixed_setting(name)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return settings by name, those of objects as ``memory__length`` if `deep`."""
        values = super().get_params(deep=False)
        if not deep:
            return values
        for name in self._kinds:
            try:
                constants = self._chosen(name).flat()
            except ParameterError:
                continue  # refused in `fit`
            values |= {
                f"{name}__{key.replace('.', '__')}": inner for key, inner in constants.items()
            }
        return values

    def set_params(self, **params: Any) -> Self:
        """Change settings; a constant of an object makes a changed copy of that object."""
        nested: dict[str, dict[str, Any]] = {}
        for name, value in params.items():
            head, _, rest = name.partition("__")
            if rest and head in self._kinds:
                nested.setdefault(head, {})[rest.replace("__", ".")] = value
            else:
                super().set_params(**{name: value})
        for head, changes in nested.items():
            setattr(self, head, _changed(self._chosen(head), changes, head))
        return self


class chosen(Generic[Kind]):  # noqa: N801  # reads like property
    """The object that a setting stands for, as an attribute."""

    def __init__(self, name: str, kind: Callable[..., Kind]) -> None:
        self.name = name

    def __get__(self, estimator: ObjectSettings | None, owner: type) -> Kind:
        return self if estimator is None else estimator._chosen(self.name)  # type: ignore[return-value]


def _changed(value: Declared, changes: dict[str, Any], head: str) -> Declared:
    """Return a copy with constants changed, by dotted names."""
    known = [f"{head}__{name}" for name in value.flat()]
    for name in changes:
        if f"{head}__{name}" not in known:
            raise ParameterError(unknown_name(f"{head}__{name}", known, type(value).__name__))
    own = {name: change for name, change in changes.items() if "." not in name}
    inner: dict[str, dict[str, Any]] = {}
    for name, change in changes.items():
        first, dot, rest = name.partition(".")
        if dot:
            inner.setdefault(first, {})[rest] = change
    own |= {
        first: _changed(getattr(value, first), deeper, f"{head}__{first}")
        for first, deeper in inner.items()
    }
    return value.replace(**own)
