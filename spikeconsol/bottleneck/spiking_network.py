r"""Equations of the spiking network that learns from a working memory, in Brian2.

Everything, from the Poisson input to the change of the weights, is an equation or a synapse. A
sample is shown for a fixed time; at its end the statements below run once, in the order of
`ORDER`. Sums over a layer are collected by a single hub cell and heard by all cells of the layer:
the broadcast that layer normalisation and its Jacobian need. The working memory is a population
of cells with one synapse from every hidden cell, in which it keeps a code: one memory cell per
class (`Prototypes`, `ClassMeans`) or one per remembered sample (`Window`). Whatever the memory,
the modulatory signal is

.. math:: \xi_i = \\sum_p c_p (z_i - m_{ip})

and only the coefficients of the memory cells differ. A `Reservoir` is a recurrent population that
hears the code and is read out. Only sizes and the kind of memory are compiled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import (
    Clock,
    Network,
    NeuronGroup,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    TimedArray,
    linked_var,
    second,
)

from spikeconsol.brian import noise
from spikeconsol.brian.backend import Built

#: What happens at the end of a sample, in this order.
ORDER = (
    "begin",
    "sum counts",
    "code",
    "remember",
    "compare",
    "kernel",
    "write pairs",
    "sum kernel",
    "coefficients",
    "signal",
    "sum signal",
    "normalise",
    "modulate",
    "learn",
    "record",
    "rest",
)

INPUTS = """
level      : 1                          # intensity of the sample, 0 to 1
peak_rate  : Hz (shared, constant)      # at intensity 1
noise_seed : integer (shared, constant)
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
    "coincidence": "importance += taught_post*eligibility\n",
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

#: Cells of the working memory; `coefficient` is what the memories differ in.
MEMORY = """
distance     : 1                        # mean squared difference of its code to the current one
k            : 1                        # kernel of that
a            : 1                        # contrast: negative for what should be alike
coefficient  : 1
known        : 1                        # 1 once the cell holds a code
memory_label : integer (linked)
taught       : 1 (linked)
cells_known  : 1 (linked)
held         : 1 (linked)               # the same, but at least 1
a_sum        : 1 (linked)
gamma        : 1 (shared, constant)
code_weight  : 1 (shared, constant)
code_width   : 1 (shared, constant)
"""
MEMORY_HUB = """
cells_known : 1
held = clip(cells_known, 1, 1000000) : 1
a_sum       : 1
column_sum  : 1
"""
KERNEL = "k = exp(-distance/(2*code_width**2))\n"
#: Coefficients as in the memories of the same names; nothing until two classes are known.
COEFFICIENT = """
coefficient = -2*factor*int(cells_known > 1)/code_width**2
"""
MEANS_EQUATIONS = """
memory_rate : 1 (shared, constant)
write       : 1
"""
PROTOTYPES = {
    "kernel": KERNEL + "a = known*(2*code_weight*k - gamma*int(i == memory_label))\n",
    "coefficient": "factor = known*k*(a - a_sum/held)" + COEFFICIENT,
}
#: The limit of a wide kernel: k = 1 and no code term; only if its own class is known.
CLASS_MEANS = {
    "kernel": "a = -gamma*known*int(i == memory_label)\n",
    "coefficient": "factor = known*int(a_sum < 0)*(a - a_sum/held)" + COEFFICIENT,
}
WRITE = """
write = taught*int(i == memory_label)*(1 - known*(1 - memory_rate))
known = clip(known + taught*int(i == memory_label), 0, 1)
"""

WINDOW_EQUATIONS = """
input_distance : 1
column         : 1                      # sum of the contrasts of this sample with all others
newest         : 1                      # 1 for the slot of the newest sample
slot_label     : integer                # class of the sample in this slot
cursor         : integer                # slot of the newest sample
column_sum     : 1 (linked)
input_weight   : 1 (shared, constant)
input_width    : 1 (shared, constant)
other_class    : 1 (shared, constant)           # label kernel of different classes
"""
TAKE_SLOT = """
cursor = (cursor + int(taught)) % N
newest = taught*int(i == cursor)
slot_label = int(newest*memory_label + (1 - newest)*slot_label)
known = clip(known + newest, 0, 1)
"""
WINDOW = {
    "kernel": KERNEL
    + """
alike = other_class + (1 - other_class)*int(slot_label == memory_label)
a = known*(input_weight*exp(-input_distance/(2*input_width**2)) + 2*code_weight*k - gamma*alike)
column = 0
""",
    # Rows and columns of the contrasts are the same, so that the row's mean is that of the newest
    # sample's column: a_sum / held.
    "coefficient": """
factor = known*k*(a - a_sum/held - column/held + column_sum/held**2)
coefficient = -2*factor*int(cells_known > 1)/(clip(held - 1, 1, 1000000)*code_width)**2
""",
}
#: The newest sample's contrasts replace those of the sample that leaves its slot.
PAIRS = """
A += newest_pre*(a_post - A)
A += newest_post*(1 - newest_pre)*(a_pre - A)
column_post += A
"""

#: One step of the leaky recurrent network per sample. The last cells only relay: the readout sees
#: the code and the class beside the rates.
RESERVOIR = """
u       : 1
drive   : 1
rate    : 1
recurrent : 1 (constant)                # 1 for recurrent cells, 0 for relays
leak    : 1 (shared, constant)          # time of a sample over the time constant
audible : 1 (shared, constant)          # 0: recurrent cells are silenced
class_now : integer                     # synapses cannot read linked variables
memory_label : integer (linked)
taught  : 1 (linked)
"""
RESERVOIR_STEP = """
drive += {class_drive}(class_now*second, i)
u += taught*recurrent*leak*(drive - u)
rate = recurrent*audible*tanh(u) + (1 - recurrent)*drive
drive = 0
"""


class _Schedule:
    """Run statements at the ends of samples, in the order of `ORDER`."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def __call__(self, owner: NeuronGroup | Synapses, moment: str, statements: str) -> None:
        owner.run_regularly(
            statements,
            clock=self.clock,
            when="start",
            order=ORDER.index(moment),
            name=f"{owner.name}_{moment.replace(' ', '_')}",
        )


def build(structure: Mapping[str, Any]) -> Built:
    """Build the network.

    Parameters
    ----------
    structure : dict
        ``dt`` [s], ``sample_time`` [s], ``samples`` (capacity of a run), ``sizes`` (inputs, hidden
        layers, classes), ``memory`` (``"window"``, ``"prototypes"``, ``"class_means"`` or
        ``"reservoir"``), ``window``, ``reservoir`` (recurrent cells), ``importance`` (``""``,
        ``"uniform"``, ``"coincidence"`` or ``"fisher"``: what damps synapses), ``recorded``
        (spikes and the modulator).
    """
    step = Clock(structure["dt"] * second, name="step")
    sample = Clock(structure["sample_time"] * second, name="sample_clock")
    at_end = _Schedule(sample)
    sizes = structure["sizes"]
    timed_arrays = _timed_arrays(structure)
    objects: list[Any] = []

    inputs = NeuronGroup(
        sizes[0],
        INPUTS,
        threshold="uniform(noise_seed, 1, t_in_timesteps, i) < level*peak_rate*dt",
        reset="",
        clock=step,
        namespace={**noise.functions(), "samples": timed_arrays["samples"]},
        name="inputs",
    )
    at_end(inputs, "rest", "level = samples(t, i)")
    teacher = NeuronGroup(
        1,
        TEACHER,
        clock=step,
        namespace={
            "sample_time": structure["sample_time"] * second,
            **{name: timed_arrays[name] for name in ("labels", "memory_labels", "schedule")},
        },
        name="teacher",
    )
    at_end(teacher, "begin", BEGIN)
    at_end(teacher, "coefficients", SURPRISE)
    objects += [inputs, teacher]

    below = inputs
    for layer, units in enumerate(sizes[1:-1]):
        cells, hub = _layer(units, layer, teacher, step, at_end)
        importance = structure["importance"]
        feedforward = Synapses(
            below,
            cells,
            FEEDFORWARD + (PROTECTION if importance else ""),
            on_pre="v_post += w\neligibility += open_post",
            delay=0 * second,
            dtype=dict.fromkeys(
                ("w", "eligibility", *(("importance", "plasticity") if importance else ())),
                np.float32,
            ),
            clock=step,
            name=f"feedforward{layer}",
        )
        feedforward.connect()
        damping = "*plasticity" if importance else ""
        at_end(
            feedforward, "learn", LEARN.format(damping=damping, trace=TRACES.get(importance, ""))
        )
        objects += [cells, *hub, feedforward]
        if structure["memory"] == "reservoir":
            made, arrays = _reservoir(structure, cells, layer, teacher, step, at_end)
            timed_arrays |= arrays
        else:
            made = _memory(structure, inputs, cells, layer, teacher, step, at_end)
        objects += made
        objects.append(
            StateMonitor(
                cells,
                ["count", "modulator"] if structure["recorded"] else ["count"],
                record=True,
                clock=sample,
                when="start",
                order=ORDER.index("record"),
                name=f"samples{layer}",
            )
        )
        if structure["recorded"]:
            objects.append(SpikeMonitor(cells, name=f"spikes{layer}"))
        below = cells
    objects += _readout(sizes[-1], below, teacher, step, at_end)
    if structure["recorded"]:
        objects.append(SpikeMonitor(inputs, name="input_spikes"))
    return Built(Network(*objects), step, timed_arrays)


def _timed_arrays(structure: Mapping[str, Any]) -> dict[str, TimedArray]:
    period = structure["sample_time"] * second
    shapes: dict[str, Any] = dict.fromkeys(
        ("labels", "memory_labels", "schedule"), structure["samples"]
    )
    shapes["samples"] = (structure["samples"], structure["sizes"][0])
    return {
        name: TimedArray(np.zeros(shape), dt=period, name=name) for name, shape in shapes.items()
    }


def _layer(
    units: int, layer: int, teacher: NeuronGroup, step: Clock, at_end: _Schedule
) -> tuple[NeuronGroup, list[Any]]:
    """Leaky integrate-and-fire cells and the hub that sums over them."""
    hub = NeuronGroup(1, HUB, clock=step, name=f"hub{layer}")
    hub.taught = linked_var(teacher, "taught")
    cells = NeuronGroup(
        units,
        CELLS,
        threshold="v > 1",
        reset="v -= 1\ncount += 1",
        method="exact",
        clock=step,
        name=f"cells{layer}",
    )
    for name in ("layer_mean", "layer_deviation", "signal_mean", "signal_slope", "signal_scale"):
        setattr(cells, name, linked_var(hub, name))
    for name in ("learning", "gate"):
        setattr(cells, name, linked_var(teacher, name))
    period = round(float(at_end.clock.dt / step.dt))
    opening = OPEN.format(sample_steps=period)
    cells.run_regularly(opening, clock=step, when="after_groups", name=f"cells{layer}_open")
    collect = Synapses(cells, hub, clock=step, name=f"collect{layer}")
    collect.connect()
    at_end(hub, "begin", CLEAR)
    at_end(
        collect,
        "sum counts",
        "layer_mean_post += count_pre/N_pre\nmean_square_post += count_pre**2/N_pre",
    )
    at_end(cells, "code", CODE)
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


def _memory(
    structure: Mapping[str, Any],
    inputs: NeuronGroup,
    cells: NeuronGroup,
    layer: int,
    teacher: NeuronGroup,
    step: Clock,
    at_end: _Schedule,
) -> list[Any]:
    """Cells that hold codes: one for each class, or for each of the last samples."""
    kind = structure["memory"]
    is_window = kind == "window"
    statements = {"window": WINDOW, "prototypes": PROTOTYPES, "class_means": CLASS_MEANS}[kind]
    hub = NeuronGroup(1, MEMORY_HUB, clock=step, name=f"memory_hub{layer}")
    memory = NeuronGroup(
        structure["window"] if is_window else structure["sizes"][-1],
        MEMORY + (WINDOW_EQUATIONS if is_window else MEANS_EQUATIONS),
        clock=step,
        name=f"memory{layer}",
    )
    for name in ("memory_label", "taught"):
        setattr(memory, name, linked_var(teacher, name))
    for name in ("cells_known", "held", "a_sum", *(("column_sum",) if is_window else ())):
        setattr(memory, name, linked_var(hub, name))
    trace = Synapses(cells, memory, "m : 1", clock=step, name=f"trace{layer}")
    trace.connect()
    gather = Synapses(memory, hub, clock=step, name=f"gather{layer}")
    gather.connect()
    made = [hub, memory, trace, gather]
    clear = "distance = 0"
    sums = "cells_known_post += known_pre\na_sum_post += a_pre"
    if is_window:
        image = Synapses(inputs, memory, "x : 1", clock=step, name=f"image{layer}")
        image.connect()
        pairs = Synapses(memory, memory, "A : 1", clock=step, name=f"pairs{layer}")
        pairs.connect()
        made += [image, pairs]
        clear += "\ninput_distance = 0\n" + TAKE_SLOT
        sums += "\ncolumn_sum_post += column_pre"
        at_end(image, "remember", "x += newest_post*(level_pre - x)")
        at_end(image, "compare", "input_distance_post += (level_pre - x)**2/N_pre")
        at_end(trace, "remember", "m += newest_post*(z_pre - m)")
        at_end(pairs, "write pairs", PAIRS)
    else:
        at_end(memory, "normalise", WRITE)
        at_end(trace, "learn", "m += write_post*(z_pre - m)")
    at_end(hub, "begin", "cells_known = 0\na_sum = 0\ncolumn_sum = 0")
    at_end(memory, "code", clear)
    at_end(trace, "compare", "distance_post += (z_pre - m)**2/N_pre")
    at_end(memory, "kernel", statements["kernel"])
    at_end(gather, "sum kernel", sums)
    at_end(memory, "coefficients", statements["coefficient"])
    at_end(trace, "signal", "signal_pre += coefficient_post*(z_pre - m)/N_pre")
    return made


def _reservoir(
    structure: Mapping[str, Any],
    cells: NeuronGroup,
    layer: int,
    teacher: NeuronGroup,
    step: Clock,
    at_end: _Schedule,
) -> tuple[list[Any], dict[str, TimedArray]]:
    """Leaky rate cells with inputs and readouts gated by the class."""
    classes, units = structure["sizes"][-1], cells.N
    # Relays of the class, of the code and of a constant.
    n = structure["reservoir"] + classes + units + 1
    name = f"class_drive{layer}"
    class_drive = TimedArray(np.zeros((classes, n)), dt=1 * second, name=name)
    reservoir = NeuronGroup(
        n,
        RESERVOIR,
        clock=step,
        namespace={name: class_drive},
        name=f"reservoir{layer}",
    )
    for shared in ("memory_label", "taught"):
        setattr(reservoir, shared, linked_var(teacher, shared))
    hear = Synapses(
        cells, reservoir, "w : 1\nclass_gate : integer", clock=step, name=f"hear{layer}"
    )
    hear.connect(n=classes)
    read = Synapses(
        reservoir, cells, "w : 1\nclass_gate : integer", clock=step, name=f"read{layer}"
    )
    read.connect(n=classes)
    hear.class_gate = np.tile(np.arange(classes), n * units)
    read.class_gate = np.tile(np.arange(classes), n * units)
    echo = Synapses(reservoir, reservoir, "w : 1", clock=step, name=f"echo{layer}")
    # All to all, with weights of 0: which cells are connected is drawn anew for every seed.
    echo.connect()
    at_end(reservoir, "code", "class_now = memory_label")
    at_end(hear, "compare", "drive_post += w*z_pre*int(class_gate == class_now_post)")
    at_end(echo, "kernel", "drive_post += w*recurrent_pre*rate_pre")
    at_end(reservoir, "coefficients", RESERVOIR_STEP.format(class_drive=name))
    at_end(read, "signal", "signal_post += w*rate_pre*int(class_gate == class_now_pre)")
    return [reservoir, hear, echo, read], {name: class_drive}


def _readout(
    classes: int, cells: NeuronGroup, teacher: NeuronGroup, step: Clock, at_end: _Schedule
) -> list[Any]:
    """Linear readout of the last layer's code, trained by the delta rule."""
    outputs = NeuronGroup(classes, CLASSES, clock=step, name="outputs")
    for name in ("label", "total", "learning"):
        setattr(outputs, name, linked_var(teacher, name))
    readout = Synapses(
        cells, outputs, "r : 1\nreadout_rate : 1 (shared, constant)", clock=step, name="readout"
    )
    readout.connect()
    judge = Synapses(outputs, teacher, clock=step, name="judge")
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
