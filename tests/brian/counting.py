"""Programs for the tests of the backend."""

import brian2

from spikeconsol.brian import noise
from spikeconsol.brian.backend import Built

CELLS = """
normal_draw                : 1
uniform_draw               : 1
steps                      : integer
y                          : 1
shown                      : 1
gain                       : 1 (shared, constant)
noise_seed                 : integer (shared, constant)
stream                     : integer (shared, constant)
"""

STEP = """
normal_draw = normal(noise_seed, stream, t_in_timesteps, i)
y = 0.9*y + gain*sin(0.1*i*t_in_timesteps)
shown = table(t, i)
steps += 1
"""

#: An operation of its own: two pieces of generated code bring the same helper functions.
DRAW = "uniform_draw = uniform(noise_seed, stream, t_in_timesteps, i)"


def build(structure):
    """Cells that count time steps, draw noise, filter a sine and read a table."""
    clock = brian2.Clock(structure["dt"] * brian2.second, name="step")
    n = structure["n"]
    table = brian2.TimedArray(brian2.ones((4, n)), dt=1 * brian2.second, name="table")
    cells = brian2.NeuronGroup(
        n, CELLS, clock=clock, namespace=noise.functions() | {"table": table}, name="cells"
    )
    cells.gain = 3
    cells.noise_seed = 5
    cells.y = "0.5*i"
    cells.run_regularly(STEP, clock=clock, name="cells_step")
    cells.run_regularly(DRAW, clock=clock, name="cells_draw")
    return Built(brian2.Network(cells), clock, {"table": table})


def broken(structure):
    """Do as `build`, with a function that no compiler accepts."""
    built = build(structure)
    function = brian2.Function(lambda x: x, arg_units=[1], return_unit=1)
    function.implementations.add_implementation(
        "cpp", "double impossible(double x) { return no_such_name; }", name="impossible"
    )
    cells = built.network["cells"]
    cells.namespace["impossible"] = function
    cells.run_regularly("y = impossible(y)", clock=built.clock, name="cells_impossible")
    return built
