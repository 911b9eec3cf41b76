"""Which cells a group of synapses joins, and what one synapse may read of another."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from brian2 import Clock, Function, Synapses, all_devices, get_device
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject

from spikeconsol.brian.layout import pair_indices

__all__ = ["connect_pairs", "read_elsewhere"]

#: Overwrites the order in which Brian2 has made the synapses by that of `pair_indices`.
LAYOUT = """
{{
    size_t k = 0;
    for (int first = 0; first < {n}; first += {tile})
        for (int j = 0; j < {n}; j++)
            for (int i = first; i < first + {tile} && i < {n}; i++)
                if ({condition}) {{
                    {pre}[k] = i;
                    {post}[k++] = j;
                }}
}}
"""
#: The same from lists that the run was given.
GIVEN = """
for (size_t k = 0; k < {pre}.size(); k++) {{
    {pre}[k] = {source}[k];
    {post}[k] = {target}[k];
}}
"""


def connect_pairs(
    synapses: Synapses, *, tile: int, symmetric: bool, count: int | None = None
) -> Callable[[], None] | None:
    """Make synapses within one group of cells, in the same order on every target.

    Parameters
    ----------
    synapses : brian2.Synapses
        Synapses of a group with itself. With a `count` their model must have the integer constants
        ``source_cell`` and ``target_cell``, which are inputs of the program.
    tile, symmetric
        Order of all pairs, see `spikeconsol.brian.layout.pair_indices`.
    count : int, optional
        Instead of all pairs, so many, from the run's ``source_cell`` to its ``target_cell``.

    Returns
    -------
    callable or None
        What is left to do when the run's values have been set, see `Built`.
    """
    n = len(synapses.source)
    device = get_device()
    compiled = device is all_devices["cpp_standalone"]
    if count is None and not compiled:
        i, j = pair_indices(n, tile, symmetric=symmetric)
        synapses.connect(i=i, j=j)
        return None
    # Index arrays from here would be stored in the program, 8 bytes a synapse.
    condition = "i < j" if symmetric else "i != j"
    if count is None:
        synapses.connect(condition=condition)
    else:
        synapses.connect(condition=f"i*{n} + j < {count}")
    if not compiled:
        return lambda: _rewire(synapses)
    if count is not None:
        return lambda: _rewire_compiled(synapses)
    device.insert_code(
        "main", LAYOUT.format(n=n, tile=tile, condition=condition, **_index_arrays(synapses))
    )
    return None


def _index_arrays(synapses: Synapses, **more: str) -> dict[str, str]:
    """Names, in the compiled program, of the arrays that say which cells are joined."""
    names = {"pre": "_synaptic_pre", "post": "_synaptic_post", **more}
    return {
        key: get_device().get_array_name(synapses.variables[name], access_data=False)
        for key, name in names.items()
    }


def _rewire_compiled(synapses: Synapses) -> None:
    names = _index_arrays(synapses, source="source_cell", target="target_cell")
    get_device().insert_code("main", GIVEN.format(**names))


def _rewire(synapses: Synapses) -> None:
    for index, name in (("_synaptic_pre", "source_cell"), ("_synaptic_post", "target_cell")):
        values = synapses.state(name, use_units=False)[:]
        synapses.variables[index].get_value()[:] = values


def read_elsewhere(
    synapses: Synapses, into: str, variable: str, index: str, *, clock: Clock, order: int
) -> None:
    """Copy one variable of another synapse, at fixed times.

    Brian2's own text reaches a synapse and its two cells only.

    Parameters
    ----------
    synapses : brian2.Synapses
    into, variable : str
        Where to, and the variable of the other synapse.
    index : str
        Integer variable with the number of the other synapse.
    clock : brian2.Clock
        When.
    order : int
        Order among the operations at the start of a time step.
    """
    device = get_device()
    compiled = device is all_devices["cpp_standalone"]

    def in_numpy(numbers: np.ndarray) -> np.ndarray:
        return synapses.variables[variable].get_value()[np.asarray(numbers, int)]

    read = Function(in_numpy, arg_units=[1], return_unit=1, stateless=False)
    read.implementations.add_implementation("numpy", in_numpy)
    if compiled:
        name = device.get_array_name(synapses.variables[variable], access_data=False)
        read.implementations.add_implementation(
            "cpp",
            "static inline double spikeconsol_elsewhere(int64_t k) "
            f"{{ return (double)brian::{name}[k]; }}",
            name="spikeconsol_elsewhere",
            compiler_kwds={"headers": ['"objects.h"']},
        )
    synapses.namespace["elsewhere"] = read
    synapses.run_regularly(
        f"{into} = elsewhere({index})",
        clock=clock,
        when="start",
        order=order,
        name=f"{synapses.name}_elsewhere",
        codeobj_class=None if compiled else NumpyCodeObject,
    )
