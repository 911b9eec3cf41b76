"""Input, layers of cells with plastic synapses, and readout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import NeuronGroup, Synapses, TimedArray, linked_var, second

from spikeconsol.bottleneck.equations.schedule import Schedule
from spikeconsol.brian import noise

INPUTS = """
level      : 1                          # intensity of the sample, 0 to 1
peak_rate  : Hz (shared, constant)      # at intensity 1
noise_seed : integer (shared)           # of the sample: in tests from its content alone
first_step : integer (shared)           # from which its noise is counted
"""
SHOW = """
noise_seed = int(noise_seeds(t))
first_step = int(first_steps(t))
level = samples(t, i)
"""

#: One cell that knows what all need to know: the class, and whether there is something to learn.
TEACHER = """
label         : integer
memory_label  : integer                 # what the memory is told: random in a control
learning      : 1                       # factor on the learning rates, 0 in tests
taught        : 1                       # 1 if a sample has been shown to learn from
gate          : 1                       # surprise, or 1
total         : 1                       # normaliser of the softmax
correct       : 1                       # its term of the right class
surprise_gate : 1 (shared, constant)    # 1: the signal is multiplied by 1 - p(right class)
"""
BEGIN = """
label = int(labels(t - sample_time/2))
memory_label = int(memory_labels(t - sample_time/2))
learning = schedule(t - sample_time/2)*int(t > 0*second)
taught = int(learning > 0)
total = 0
correct = 0
"""
SURPRISE = "gate = 1 - surprise_gate*correct/total"

CELLS = """
dv/dt = -v/membrane_time : 1
count     : 1
open      : 1                           # what a presynaptic spike adds to eligibility at the end
z         : 1                           # code: the layer-normalised spike count
signal    : 1                           # from the memory
modulator : 1                           # signal carried to the membranes
change    : 1                           # modulator times all that scales learning
taught    : 1                           # 1 if the sample that has ended was to be learned
layer_mean      : 1 (linked)
layer_deviation : 1 (linked)
signal_mean     : 1 (linked)
signal_slope    : 1 (linked)
signal_scale    : 1 (linked)
learning        : 1 (linked)
gate            : 1 (linked)
membrane_time    : second (shared, constant)
eligibility_time : second (shared, constant)
"""
#: Eligibility decays between a spike and the end of its sample. The decay that is still to come
#: is known when the spike arrives, so no synapse needs to decay by itself.
OPEN = """
to_come = ({sample_steps} - 1 - t_in_timesteps % {sample_steps})*dt
open = int(v > 0)*exp(-to_come/eligibility_time)
"""
CODE = """
z = (count - layer_mean)/layer_deviation
signal = 0
"""
MODULATE = """
modulator = clip((signal - signal_mean - z*signal_slope)/signal_scale, -3, 3)
change = learning*gate*modulator
taught = int(learning > 0)
"""

HUB = """
layer_mean       : 1
mean_square      : 1
layer_deviation  = sqrt(mean_square - layer_mean**2 + count_variance) : 1
signal_mean      : 1
signal_slope     : 1
signal_square    : 1
power            : 1                    # running mean square of the signal
signal_scale     = sqrt(power + 1e-30)  : 1
taught           : 1 (linked)
count_variance   : 1 (shared, constant)  # keeps the codes of nearly silent layers small
power_decay      : 1 (shared, constant)
"""
CLEAR = """
layer_mean = 0
mean_square = 0
signal_mean = 0
signal_slope = 0
signal_square = 0
"""
NORMALISE = """
decay = power_decay*int(power > 0)
power += taught*(1 - decay)*(signal_square - power)
"""

FEEDFORWARD = """
w           : 1
eligibility : 1
step  : 1 (shared, constant)            # learning rate times the unit of weights
bound : 1 (shared, constant)
"""
LEARN = """
w = clip(w - step*change_post*eligibility{damping}, -bound, bound)
{trace}eligibility = 0
"""
#: What damps a synapse: a local trace of the past, and the factor that follows from it.
PROTECTION = """
importance : 1
plasticity : 1 (constant)
"""
TRACES = {
    "coincidence": "importance += taught_post*eligibility*count_post\n",
    "fisher": "importance += (change_post*eligibility)**2\n",
}

CLASSES = """
logit   : 1
weight  : 1
error   : 1                             # times the factor on learning rates
compared : 1 (constant)                 # 1 for the classes of the task at hand
label    : integer (linked)
total    : 1 (linked)
learning : 1 (linked)
"""
READOUT_LEARN = "r += readout_rate*error_post*z_pre"


def inputs(n: int, timed_arrays: Mapping[str, TimedArray], at_end: Schedule) -> NeuronGroup:
    """Poisson cells, at the intensities of the sample that is shown."""
    shown = {name: timed_arrays[name] for name in ("samples", "noise_seeds", "first_steps")}
    cells = NeuronGroup(
        n,
        INPUTS,
        threshold="uniform(noise_seed, 1, t_in_timesteps - first_step, i) < level*peak_rate*dt",
        reset="",
        clock=at_end.step,
        namespace={**noise.functions(), **shown},
        name="inputs",
    )
    at_end(cells, "rest", SHOW)
    return cells


def teacher(
    structure: Mapping[str, Any], timed_arrays: Mapping[str, TimedArray], at_end: Schedule
) -> NeuronGroup:
    """One cell that knows the class."""
    cell = NeuronGroup(
        1,
        TEACHER,
        clock=at_end.step,
        namespace={
            "sample_time": structure["sample_time"] * second,
            **{name: timed_arrays[name] for name in ("labels", "memory_labels", "schedule")},
        },
        name="teacher",
    )
    at_end(cell, "begin", BEGIN)
    at_end(cell, "coefficients", SURPRISE)
    return cell


def layer(
    units: int,
    number: int,
    teacher: NeuronGroup,
    signal: str,
    at_end: Schedule,
    *,
    more: str = "",
) -> tuple[NeuronGroup, list[Any]]:
    """Leaky integrate-and-fire cells and the hub that sums over them.

    `signal` are statements that change what the memory says, if there are any; `more` declares
    further variables of the cells.
    """
    hub = NeuronGroup(1, HUB, clock=at_end.step, name=f"hub{number}")
    hub.taught = linked_var(teacher, "taught")
    cells = NeuronGroup(
        units,
        CELLS + more,
        threshold="v > 1",
        reset="v -= 1\ncount += 1",
        method="exact",
        clock=at_end.step,
        name=f"cells{number}",
    )
    for name in ("layer_mean", "layer_deviation", "signal_mean", "signal_slope", "signal_scale"):
        setattr(cells, name, linked_var(hub, name))
    for name in ("learning", "gate"):
        setattr(cells, name, linked_var(teacher, name))
    period = round(float(at_end.sample.dt / at_end.step.dt))
    opening = OPEN.format(sample_steps=period)
    cells.run_regularly(opening, clock=at_end.step, when="after_groups", name=f"cells{number}_open")
    collect = Synapses(cells, hub, clock=at_end.step, name=f"collect{number}")
    collect.connect()
    at_end(hub, "begin", CLEAR)
    at_end(
        collect,
        "sum counts",
        "layer_mean_post += count_pre/N_pre\nmean_square_post += count_pre**2/N_pre",
    )
    at_end(cells, "code", CODE)
    if signal:
        at_end(cells, "change signal", signal)
    at_end(
        collect,
        "sum signal",
        "signal_mean_post += signal_pre/N_pre\n"
        "signal_slope_post += signal_pre*z_pre/N_pre\n"
        "signal_square_post += signal_pre**2/N_pre",
    )
    at_end(hub, "normalise", NORMALISE)
    at_end(cells, "modulate", MODULATE)
    at_end(cells, "rest", "v = 0\ncount = 0")
    return cells, [hub, collect]


def feedforward(
    below: NeuronGroup, cells: NeuronGroup, number: int, importance: str, at_end: Schedule
) -> Synapses:
    """Plastic synapses from the cells below, damped by what `importance` names."""
    protected = importance != "none"
    variables = ("w", "eligibility", *(("importance", "plasticity") if protected else ()))
    synapses = Synapses(
        below,
        cells,
        FEEDFORWARD + (PROTECTION if protected else ""),
        on_pre="v_post += w\neligibility += open_post",
        delay=0 * second,
        dtype=dict.fromkeys(variables, np.float32),
        clock=at_end.step,
        name=f"feedforward{number}",
    )
    synapses.connect()
    damping = "*plasticity" if protected else ""
    at_end(synapses, "learn", LEARN.format(damping=damping, trace=TRACES.get(importance, "")))
    return synapses


def readout(classes: int, cells: NeuronGroup, teacher: NeuronGroup, at_end: Schedule) -> list[Any]:
    """Linear readout of the last layer's code, trained by the delta rule."""
    outputs = NeuronGroup(classes, CLASSES, clock=at_end.step, name="outputs")
    for name in ("label", "total", "learning"):
        setattr(outputs, name, linked_var(teacher, name))
    readout = Synapses(
        cells,
        outputs,
        "r : 1\nreadout_rate : 1 (shared, constant)",
        clock=at_end.step,
        name="readout",
    )
    readout.connect()
    judge = Synapses(outputs, teacher, clock=at_end.step, name="judge")
    judge.connect()
    at_end(outputs, "begin", "logit = 0")
    at_end(readout, "compare", "logit_post += r*z_pre")
    at_end(outputs, "kernel", "weight = compared*exp(clip(logit, -50, 50))")
    at_end(
        judge,
        "sum kernel",
        "total_post += weight_pre\ncorrect_post += weight_pre*int(i == label_post)",
    )
    at_end(outputs, "coefficients", "error = learning*(int(i == label) - weight/total)")
    at_end(readout, "learn", READOUT_LEARN)
    return [outputs, readout, judge]
