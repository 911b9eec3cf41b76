r"""Spiking layers that learn from relations: what recalls past spike counts, and the rule.

A layer hears, at the end of a sample, whether it is related to the one shown `lag` samples before.
Its cells compare their code z with the code recalled of that sample,

.. math::
    \xi = [\gamma (r - \tfrac12) - 2 b (k - \bar k)]\, k\, (z - \hat z) / (S^2 d), \qquad
    k = e^{-|z - \hat z|^2 / (2 S^2 d)},

where sums over the layer are collected by one cell and heard by all. What is recalled comes from
a ring of slots, which keep counts as they are, or from a liquid. A gated liquid releases the charge
that its synapses gather during a sample at its end, and is driven by it during the next; in a
continuous one charge decays as it comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import Network, NeuronGroup, Synapses, TimedArray, linked_var, second

from spikeconsol.bottleneck.equations import layers
from spikeconsol.bottleneck.equations.schedule import Schedule
from spikeconsol.brian import noise
from spikeconsol.brian.backend import Built

__all__ = ["build_relational", "build_relational_rehearsal"]

#: 1 if a sample has been shown: not at the very beginning of a run, which goes on from another.
GONE = "int(t > 0*second)"

#: One cell that knows what all need to know: the relation, and whether to learn from it.
TEACHER = """
relation : 1
learning : 1                            # factor on the learning rates, 0 in tests
taught   : 1                            # 1 if a sample has been shown to learn from
gate     = 1 : 1                        # nothing else scales the signal here
turn     : integer                      # samples shown so far
ago      : integer                      # how far back a ring is read
"""
BEGIN = """
turn += int(t > 0*second)
relation = relations(t - sample_time/2)
learning = schedule(t - sample_time/2)*int(t > 0*second)
taught = int(learning > 0)
ago = int(agos(t - sample_time/2))
"""
#: What cells of a layer know beside their code.
RECALL = """
recalled : 1                            # spike count recalled of the remembered sample
echo     : 1                            # the part of it that comes from the liquid
past     : 1                            # the code that goes with the recalled counts
offset   : 1 (constant)                 # of the readout
square   : 1                            # of the incoming weights, over its largest value
largest  : 1 (constant)                 # square of the norm that incoming weights may have
recalled_mean      : 1 (linked)
recalled_deviation : 1 (linked)
push               : 1 (linked)
"""
#: One cell that compares the layer's code with the recalled one.
JUDGE = """
recalled_mean      : 1
recalled_square    : 1
recalled_deviation = sqrt(recalled_square - recalled_mean**2 + count_variance) : 1
distance    : 1                         # mean square difference of the codes
kernel      : 1
kernel_mean : 1
push        : 1                         # all of the signal but the difference of the codes
relation    : 1 (linked)
taught      : 1 (linked)
count_variance : 1 (shared, constant)
gamma          : 1 (shared, constant)
code_weight    : 1 (shared, constant)
code_width     : 1 (shared, constant)
kernel_rate    : 1 (shared, constant)
"""
COMPARE = """
kernel = exp(-distance/(2*code_width**2))
push = (gamma*(relation - 0.5) - 2*code_weight*(kernel - kernel_mean))*kernel/code_width**2
kernel_mean += taught*kernel_rate*(kernel - kernel_mean)
"""
#: Never at rest: potentials are not cleared between samples.
LIQUID = """
dv/dt = (bias + current + input - v)/membrane_time : 1
seen    : 1                             # what the readout sees
bias    : 1 (constant)                  # mean recurrent current taken off
fixed   : 1 (constant)                  # seen in place of its own if `live` is 0
input_deviation : 1 (linked)
membrane_time   : second (shared, constant)
audible         : 1 (shared, constant)  # 0: the cells are silenced
live            : 1 (shared, constant)
"""
#: What a liquid does with the charge of spikes, and what of its own it is read by.
LIQUIDS = {
    "gated": {
        "model": """
        current : 1                     # released at the end of the sample before
        input = 0 : 1                   # part of it
        echoed  : 1                     # charge gathered from the liquid
        heard   : 1                     # and from the layer
        count   : 1
        """,
        "reset": "v -= 1\ncount += 1",
        "read": "count",
    },
    "continuous": {
        "model": """
        dcurrent/dt = -current/synaptic_time : 1
        dheard/dt = -heard/synaptic_time     : 1
        dtrace/dt = -trace/trace_time        : 1
        input = heard/input_deviation        : 1
        synaptic_time : second (shared, constant)
        trace_time    : second (shared, constant)
        """,
        "reset": "v -= 1\ntrace += 1",
        "read": "trace",
    },
}
RELEASE = """
current += {gone}*(echoed + heard/input_deviation - current)
echoed = 0
heard = 0
count = 0
"""
#: Homeostasis: the input of a liquid is divided by a running deviation of the layer's counts.
GAIN = """
mean     : 1
square   : 1
variance : 1
input_deviation = sqrt(variance + 0.01) : 1
homeostasis_rate : 1 (shared, constant)
"""
#: Stand for a layer while the readout is fitted.
REHEARSED = """
expected   : 1                          # spikes in this sample
count      : 1
noise_seed : integer (shared, constant)
"""


def build_relational(structure: Mapping[str, Any]) -> Built:
    """Build layers that learn from relations, or only respond.

    Parameters
    ----------
    structure : dict
        ``dt`` [s], ``sample_time`` [s], ``samples`` (capacity of a run), ``sizes`` (inputs, hidden
        layers), ``slots`` (of the ring, 0 for none), ``liquid`` (its cells, 0 for none), ``rhythm``
        (a key of `LIQUIDS`). Without ring and liquid cells only respond.
    """
    at_end = Schedule(structure["dt"], structure["sample_time"])
    step, period = at_end.step, structure["sample_time"] * second
    samples, sizes = structure["samples"], structure["sizes"]
    known = ("relations", "schedule", "agos")
    shapes: dict[str, Any] = dict.fromkeys((*known, "noise_seeds", "first_steps"), samples)
    shapes["samples"] = (samples, sizes[0])
    arrays = {
        name: TimedArray(np.zeros(shape), dt=period, name=name) for name, shape in shapes.items()
    }
    inputs = layers.inputs(sizes[0], arrays, at_end)
    heard = {name: arrays[name] for name in known}
    teacher = NeuronGroup(
        1, TEACHER, clock=step, namespace={"sample_time": period, **heard}, name="teacher"
    )
    at_end(teacher, "begin", BEGIN)
    objects: list[Any] = [inputs, teacher]
    below = inputs
    for number, units in enumerate(sizes[1:]):
        cells, hub = layers.layer(units, number, teacher, "", at_end, more=RECALL)
        synapses = layers.feedforward(below, cells, number, "none", at_end)
        at_end(cells, "begin", "recalled = 0\necho = 0\nsquare = 0")
        at_end(synapses, "record", "square_post += w**2/largest_post")
        at_end(synapses, "rest", "w = w/sqrt(clip(square_post, 1, inf))")
        objects += [cells, *hub, synapses]
        judge, collect = _judge(cells, number, teacher, at_end)
        objects += [judge, collect]
        if structure["liquid"]:
            objects += _liquid(structure["liquid"], structure["rhythm"], cells, number, at_end)
            objects += _readout(objects[-5], cells, number, at_end)
        if structure["slots"]:
            objects += _ring(structure, cells, number, teacher, at_end)
        elif structure["liquid"]:
            at_end(cells, "compare", "recalled += echo")
        remembers = structure["liquid"] or structure["slots"]
        variables = ["count", "signal", "past"] if remembers else ["count"]
        objects.append(at_end.record(cells, variables, f"samples{number}"))
        below = cells
    return Built(Network(*objects), step, arrays)


def _judge(
    cells: NeuronGroup, number: int, teacher: NeuronGroup, at_end: Schedule
) -> tuple[NeuronGroup, Synapses]:
    """Compare the code with the recalled one, and make the signal."""
    judge = NeuronGroup(1, JUDGE, clock=at_end.step, name=f"judge{number}")
    for name in ("relation", "taught"):
        setattr(judge, name, linked_var(teacher, name))
    for name in ("recalled_mean", "recalled_deviation", "push"):
        setattr(cells, name, linked_var(judge, name))
    collect = Synapses(cells, judge, clock=at_end.step, name=f"judged{number}")
    collect.connect()
    at_end(judge, "begin", "recalled_mean = 0\nrecalled_square = 0\ndistance = 0")
    at_end(
        collect,
        "kernel",
        "recalled_mean_post += recalled_pre/N_pre\nrecalled_square_post += recalled_pre**2/N_pre",
    )
    at_end(cells, "write pairs", "past = (recalled - recalled_mean)/recalled_deviation")
    at_end(collect, "sum kernel", "distance_post += (z_pre - past_pre)**2/N_pre")
    at_end(judge, "coefficients", COMPARE)
    at_end(cells, "signal", "signal = push*(z - past)/N")
    return judge, collect


def _ring(
    structure: Mapping[str, Any],
    cells: NeuronGroup,
    number: int,
    teacher: NeuronGroup,
    at_end: Schedule,
) -> list[Any]:
    """Slots that keep the counts of past samples, or what the liquid recalled at them."""
    slots = NeuronGroup(
        structure["slots"],
        "turn : integer (linked)\nago : integer (linked)\nwriting : 1\nreading : 1",
        clock=at_end.step,
        name=f"slots{number}",
    )
    slots.turn = linked_var(teacher, "turn")
    slots.ago = linked_var(teacher, "ago")
    at_end(
        slots, "code", f"writing = int(turn % N == i)*{GONE}\nreading = int((turn - ago) % N == i)"
    )
    kept = Synapses(slots, cells, "kept : 1", clock=at_end.step, name=f"kept{number}")
    kept.connect()
    stored = "echo_post" if structure["liquid"] else "count_post"
    at_end(
        kept,
        "compare",
        f"kept += writing_pre*({stored} - kept)\nrecalled_post += reading_pre*kept",
    )
    return [slots, kept]


def _liquid(n: int, rhythm: str, cells: NeuronGroup, number: int, at_end: Schedule) -> list[Any]:
    """Spiking cells that hear a layer, and the cell that sets the gain of what they hear."""
    gain = NeuronGroup(1, GAIN, clock=at_end.step, name=f"gain{number}")
    spread = Synapses(cells, gain, clock=at_end.step, name=f"spread{number}")
    spread.connect()
    at_end(gain, "begin", "mean = 0\nsquare = 0")
    at_end(spread, "sum counts", "mean_post += count_pre/N_pre\nsquare_post += count_pre**2/N_pre")
    at_end(gain, "code", f"variance += {GONE}*homeostasis_rate*(square - mean**2 - variance)")
    kind, gated = LIQUIDS[rhythm], rhythm == "gated"
    population = NeuronGroup(
        n,
        LIQUID + kind["model"],
        threshold="audible*v > 1",
        reset=kind["reset"],
        method="exponential_euler",
        clock=at_end.step,
        name=f"liquid{number}",
    )
    population.input_deviation = linked_var(gain, "input_deviation")
    made: list[Any] = []
    for name, source, charge in (("hear", cells, "heard"), ("echo", population, "current")):
        synapses = Synapses(
            source,
            population,
            "w : 1",
            on_pre=None if gated else f"{charge}_post += w",
            delay=None if gated else 0 * second,
            dtype={"w": np.float32} if name == "echo" else None,
            clock=at_end.step,
            name=f"{name}{number}",
        )
        synapses.connect()
        if gated:
            # Every spike gives the charge w; all of a sample's are released together, so that
            # they may as well be summed together.
            gathered = "heard" if name == "hear" else "echoed"
            at_end(synapses, "sum counts", f"{gathered}_post += w*count_pre")
        made.append(synapses)
    at_end(population, "code", f"seen = live*{kind['read']} + (1 - live)*fixed")
    if gated:
        at_end(population, "rest", RELEASE.format(gone=GONE))
    return [population, gain, spread, *made]


def _readout(
    population: NeuronGroup, cells: NeuronGroup, number: int, at_end: Schedule
) -> list[Synapses]:
    """Fixed readout of past counts from the liquid and, directly, from the present ones."""
    read = Synapses(
        population, cells, "w : 1", dtype={"w": np.float32}, clock=at_end.step,
        name=f"read{number}",
    )  # fmt: skip
    direct = Synapses(cells, cells, "w : 1", clock=at_end.step, name=f"direct{number}")
    read.connect()
    direct.connect()
    at_end(read, "remember", "echo_post += w*seen_pre")
    at_end(direct, "remember", "recalled_post += w*count_pre + offset_post/N_pre")
    return [read, direct]


def build_relational_rehearsal(structure: Mapping[str, Any]) -> Built:
    """Build a liquid that hears forced spikes, to fit its readout.

    Parameters
    ----------
    structure : dict
        ``dt`` [s], ``sample_time`` [s], ``samples`` (capacity of a run), ``units`` (cells of the
        layer), ``liquid`` (its cells), ``rhythm`` (a key of `LIQUIDS`).
    """
    at_end = Schedule(structure["dt"], structure["sample_time"])
    step, period = at_end.step, structure["sample_time"] * second
    shape = (structure["samples"], structure["units"])
    expected = TimedArray(np.zeros(shape), dt=period, name="expected_spikes")
    rehearsed = NeuronGroup(
        structure["units"],
        REHEARSED,
        threshold="uniform(noise_seed, 2, t_in_timesteps, i) < expected*dt/sample_time",
        reset="count += 1",
        clock=step,
        namespace={**noise.functions(), "expected_spikes": expected, "sample_time": period},
        name="rehearsed",
    )
    at_end(rehearsed, "rest", "expected = expected_spikes(t, i)\ncount = 0")
    made = _liquid(structure["liquid"], structure["rhythm"], rehearsed, 0, at_end)
    monitors = [
        at_end.record(rehearsed, ["count"], "rehearsed_samples"),
        at_end.record(made[0], ["seen"], "liquid_samples"),
    ]
    return Built(Network(rehearsed, *made, *monitors), step, {"expected_spikes": expected})
