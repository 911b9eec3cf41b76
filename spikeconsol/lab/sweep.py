"""Sweeps: many points in parameter space, each with a readable name made of its values."""

from __future__ import annotations

import difflib
import hashlib
import itertools
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np

from spikeconsol.lab.cells import Cell, cells_of
from spikeconsol.lab.experiment import Experiment
from spikeconsol.lab.results import canonical
from spikeconsol.parameters import ParameterError, Parameters
from spikeconsol.values import shown

__all__ = ["Sweep", "points", "read_toml", "size", "sweep_cells", "values"]

_DESIGNS = ("grid", "list", "random")
_MOST_POINTS = 100_000


@dataclass(frozen=True)
class Sweep:
    """What is swept and how.

    Parameters
    ----------
    over : mapping of str to str or sequence
        Values of each swept parameter: a sequence, ``"100,200,400"``, or
        ``"start:stop:step"`` with both ends, with a unit behind where the parameter has one
        (``"10:50:10 ms"``). A random design takes ``"low:high"`` or ``"log:low:high"``.
    design : {"grid", "list", "random"}
        All combinations; the first values of all, then the second values of all, and so on; or
        random draws.
    samples : int
        Number of points of a random design.
    seed : int
        Seed of a random design.
    """

    over: Mapping[str, Any]
    design: str = "grid"
    samples: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.over:
            raise ValueError("over: got nothing; allowed: name=values, at least once")
        if self.design not in _DESIGNS:
            raise ValueError(f"design: got {self.design!r}; allowed: {', '.join(_DESIGNS)}")
        if (self.design == "random") != (self.samples > 0):
            raise ValueError(
                f"samples: got {self.samples} for the design {self.design}; "
                "allowed: >= 1 for a random design, none for the others"
            )
        if self.samples > _MOST_POINTS:
            raise ValueError(f"samples: got {self.samples}; allowed: at most {_MOST_POINTS}")


@dataclass(frozen=True)
class SweepFile:
    """A sweep read from a TOML file, with what the command line would say beside it."""

    path: Path
    experiment: str
    sweep: Sweep
    settings: Mapping[str, Any] = field(default_factory=dict)
    preset: str = ""
    level: str = ""
    seed: int | None = None
    seeds: int | None = None


def size(sweep: Sweep) -> int:
    """Return the number of points of a sweep; raises as `points` does."""
    if sweep.design == "random":
        return sweep.samples
    lengths = [len(values(name, given)) for name, given in sweep.over.items()]
    return lengths[0] if sweep.design == "list" else _checked_count(math.prod(lengths))


def _checked_count(count: int) -> int:
    if count > _MOST_POINTS:
        raise ValueError(f"over: got {count} points; allowed: at most {_MOST_POINTS}")
    return count


def points(sweep: Sweep) -> list[dict[str, Any]]:
    """Return the points of a sweep, each a dictionary of settings.

    Raises
    ------
    ValueError
        If values cannot be read, the lists of a list design differ in length, or there are more
        than 100,000 points.
    """
    if sweep.design == "random":
        rng = np.random.default_rng(sweep.seed)
        drawn = {
            name: _draws(name, given, sweep.samples, rng) for name, given in sweep.over.items()
        }
        return [dict(zip(drawn, row, strict=True)) for row in zip(*drawn.values(), strict=True)]
    lists = {name: values(name, given) for name, given in sweep.over.items()}
    if sweep.design == "list":
        lengths = {len(options) for options in lists.values()}
        if len(lengths) > 1:
            raise ValueError(
                f"over: got lists of {', '.join(map(str, sorted(lengths)))} values; "
                "allowed in a list design: the same number for each parameter"
            )
        rows: Any = zip(*lists.values(), strict=True)
    else:
        _checked_count(math.prod(len(options) for options in lists.values()))
        rows = itertools.product(*lists.values())
    return [dict(zip(lists, row, strict=True)) for row in rows]


def values(name: str, given: Any) -> list[Any]:
    """Return the values that a sweep gives to one parameter.

    Examples
    --------
    >>> values("n", "100,200,400")
    ['100', '200', '400']
    >>> values("tau", "5:15:5 ms")
    ['5 ms', '10 ms', '15 ms']
    """
    if isinstance(given, str) and ":" in given:
        first, last, step, unit = _range(name, given, 3)
        if step <= 0 or last < first or (last - first) / step >= _MOST_POINTS:
            raise _wrong(name, given, "start:stop:step with start <= stop and step > 0")
        count = int((last - first) // step) + 1
        return [f"{first + step * index}{unit}" for index in range(count)]
    found = given.split(",") if isinstance(given, str) else given
    if not isinstance(found, list | tuple):
        found = [found]
    found = [value.strip() if isinstance(value, str) else value for value in found]
    if not found or any(value == "" or isinstance(value, list | dict) for value in found):
        raise _wrong(name, given, "values with commas between them, or start:stop:step")
    return found


def sweep_cells(
    experiment: Experiment,
    source: str,
    parameters: Parameters,
    seeds: tuple[int, ...],
    level: str,
    sweep: Sweep,
    folder: Path,
    *,
    most: int | None = None,
) -> list[Cell]:
    """Make the cells of a sweep, one folder for each point, after checking every point.

    With `most`, only the first points are made and checked.

    Raises
    ------
    ParameterError
        If a name does not exist or a value is not allowed.
    ValueError
        If two points are the same.
    """
    cells: list[Cell] = []
    taken: set[str] = set()
    folder = folder.resolve()  # workers may run elsewhere
    for point in points(sweep)[:most]:
        settled = parameters.with_settings(point)
        flat = settled.flat()
        for name in point:
            if isinstance(flat[name], tuple):
                raise ParameterError(f"over: got {name}; allowed: parameters of a single value")
        reached = {name: flat[name] for name in point}
        name = cell_name(reached)
        if name in taken:
            raise ValueError(f"over: got the point {name} twice; allowed: each point once")
        taken.add(name)
        place = canonical({"design": sweep.design, "over": reached})
        cells += cells_of(experiment, source, settled, seeds, level, folder / name, sweep=place)
    return cells


def cell_name(point: Mapping[str, Any]) -> str:
    """Name a point after its values, as a folder may be called on any system."""
    name = ",".join(f"{key}={_text(value)}" for key, value in sorted(point.items()))
    if len(name) <= 120:
        return name
    return f"{name[:100]}~{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def read_toml(path: str | Path) -> SweepFile:
    """Read a sweep from a TOML file.

    Raises
    ------
    ValueError
        If the file cannot be read or has a key or a value that is not allowed.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not TOML ({' '.join(str(error).split())[:200]})") from error
    kinds: dict[str, tuple[type, str]] = {
        "experiment": (str, "text"),
        "preset": (str, "text"),
        "level": (str, "text"),
        "design": (str, "text"),
        "seed": (int, "a whole number"),
        "seeds": (int, "a whole number"),
        "samples": (int, "a whole number"),
        "design_seed": (int, "a whole number"),
        "set": (dict, "a table of names and values"),
        "over": (dict, "a table of names and values"),
    }
    for key, value in content.items():
        if key not in kinds:
            near = difflib.get_close_matches(key, kinds, n=3, cutoff=0.4) or sorted(kinds)
            raise ValueError(f"{path}: unknown key {key!r}; nearest: {', '.join(near)}")
        kind, wording = kinds[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"{path}: {key}: got {value!r}; allowed: {wording}")
    for key in ("experiment", "over"):
        if key not in content:
            raise ValueError(f"{path}: lacks {key!r}")
    sweep = Sweep(
        _flat(content["over"]),
        content.get("design", "grid"),
        content.get("samples", 0),
        content.get("design_seed", 0),
    )
    return SweepFile(
        Path(path),
        content["experiment"],
        sweep,
        {
            name: ",".join(map(str, value)) if isinstance(value, list) else value
            for name, value in _flat(content.get("set", {})).items()
        },
        content.get("preset", ""),
        content.get("level", ""),
        content.get("seed"),
        content.get("seeds"),
    )


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Read ``rule.protection_time = ...`` and ``[over.rule]`` alike."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = _typed(value)
    return found


def _typed(value: Any) -> Any:
    """Numbers as they would be typed, so that one that lacks its unit is refused."""
    if isinstance(value, list):
        return [_typed(element) for element in value]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if number else value


def _draws(name: str, given: Any, samples: int, rng: np.random.Generator) -> Sequence[Any]:
    """Draw values for one parameter: uniform, log-uniform, or from a list."""
    if not (isinstance(given, str) and ":" in given):
        options = values(name, given)
        return [options[index] for index in rng.integers(len(options), size=samples)]
    logarithmic = given.startswith("log:")
    low, high, unit = _range(name, given.removeprefix("log:"), 2)
    if low > high or (logarithmic and low <= 0):
        raise _wrong(name, given, "low:high, or log:low:high with low > 0")
    low, high = float(low), float(high)
    if logarithmic:
        drawn = np.exp(rng.uniform(np.log(low), np.log(high), size=samples))
    else:
        drawn = rng.uniform(low, high, size=samples)
    return [f"{value!r}{unit}" for value in drawn.tolist()]


def _range(name: str, given: str, count: int) -> tuple[Any, ...]:
    """Split ``"10:50:10 ms"`` into exact decimal numbers and the unit behind them."""
    match = re.fullmatch(r"([-+0-9.eE:]+)(?:\s*\*?\s*([A-Za-z]+))?", given.strip())
    allowed = "start:stop:step" if count == 3 else "low:high"
    try:
        numbers = [Decimal(part) for part in match[1].split(":")] if match else []
    except InvalidOperation:
        numbers = []
    # Beyond the range of floating-point numbers, exact arithmetic takes for ever.
    if (
        match is None
        or len(numbers) != count
        or not all(number.is_finite() and abs(number.adjusted()) < 300 for number in numbers)
        or len(given) > 300
    ):
        raise _wrong(name, given, allowed)
    return *numbers, f" {match[2]}" if match[2] else ""


def _wrong(name: str, given: Any, allowed: str) -> ValueError:
    return ValueError(f"over: {name}: got {shown(given)}; allowed: {allowed}")


def _text(value: Any) -> str:
    return re.sub(r"[^A-Za-z0-9_.+-]", "_", str(value))
