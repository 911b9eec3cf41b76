"""Equations of the cortical memory, and the Brian2 network built from them.

Everything numeric is set at run time, connections included: only sizes, the kind of cell and the
text of the plasticity rule are compiled in. Conductances are in units of the leak.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import Clock, Network, NeuronGroup, SpikeMonitor, Synapses, TimedArray, second

from spikeconsol.brian import noise
from spikeconsol.brian.backend import Built

#: Both kinds of excitatory cell differ in `intrinsic`, what makes them fire and adapt.
EXCITATORY = """
dv/dt = awake*(rest - v + intrinsic + synaptic + drive + fluctuation)/membrane_time : volt
awake = int(t - last > refractory_time - dt/2)                  : 1
synaptic = (ampa + nmda)*(excitation - v) + gaba*(inhibition - v) : volt
fluctuation = noise*sqrt(2*membrane_time/dt)*normal(noise_seed, 1, t_in_timesteps, i) : volt
dampa/dt = -ampa/ampa_time : 1                                  # from cells and from the stimulus
dnmda/dt = -nmda/nmda_time : 1
dgaba/dt = -gaba/gaba_time : 1
last                       : second                             # time of the last spike
shown                      : 1                                  # 1 while the cell is stimulated
noise_seed                 : integer (shared, constant)
"""

CELLS = {
    "lif": {
        "model": """
        intrinsic = potassium*(inhibition - v)                  : volt
        dpotassium/dt = -potassium/adaptation_time              : 1
        """,
        "threshold": "v > firing_threshold",
        "reset": "potassium += adaptation_jump",
    },
    # Brette and Gerstner 2005. The jump of the adaptation current is that of the potassium
    # conductance at threshold, so that both kinds adapt alike to the same spikes.
    "adex": {
        "model": """
        intrinsic = slope*exp(clip((v - firing_threshold)/slope, -20, 5)) - adaptation : volt
        dadaptation/dt = (coupling*(v - rest) - adaptation)/adaptation_time : volt
        """,
        "threshold": "v > firing_threshold + 5*slope",
        "reset": "adaptation += adaptation_jump*(firing_threshold - inhibition)",
    },
}
RESET = """
v = reset_potential
last = t
"""

EXCITATORY_CONSTANTS = {
    "membrane_time": "second",
    "rest": "volt",
    "drive": "volt",
    "noise": "volt",
    "firing_threshold": "volt",
    "reset_potential": "volt",
    "refractory_time": "second",
    "adaptation_jump": "1",
    "adaptation_time": "second",
    "slope": "volt",
    "coupling": "1",
    "ampa_time": "second",
    "nmda_time": "second",
    "gaba_time": "second",
    "excitation": "volt",
    "inhibition": "volt",
    "input_rate": "Hz",
    "input_jump": "1",
    "slot": "second",
    "shown_time": "second",
}

#: Every slot shows one row of the table in its first part. Read at multiples of the bin, up to
#: rounding.
PROTOCOL = """
now = t + 1*ms
shown = table(floor(now/slot)*second, i)*int(now % slot < shown_time)
"""

#: The stimulus: as many input spikes in a step as the inverse of Poisson's distribution gives.
#: Beyond four of them it is cut off, which loses less than a thousandth at the usual rate.
STIMULUS = """
mean = input_rate*dt
none = exp(-mean)
one = none*(1 + mean)
two = one + none*mean**2/2
three = two + none*mean**3/6
chance = uniform(noise_seed, 2, t_in_timesteps, i)
ampa += input_jump*shown*(int(chance > none) + int(chance > one) + int(chance > two) + int(chance > three))
"""  # noqa: E501

INHIBITORY = """
dv/dt = awake*(rest - v + synaptic + drive + fluctuation)/membrane_time : volt
awake = int(t - last > refractory_time - dt/2)                  : 1
synaptic = ampa*(excitation - v) + gaba*(inhibition - v)        : volt
fluctuation = noise*sqrt(2*membrane_time/dt)*normal(noise_seed, 3, t_in_timesteps, i) : volt
dampa/dt = -ampa/ampa_time : 1
dgaba/dt = -gaba/gaba_time : 1
last                       : second
noise_seed                 : integer (shared, constant)
"""
INHIBITORY_CONSTANTS = {
    name: EXCITATORY_CONSTANTS[name]
    for name in (
        "membrane_time",
        "rest",
        "drive",
        "noise",
        "firing_threshold",
        "reset_potential",
        "refractory_time",
        "ampa_time",
        "gaba_time",
        "excitation",
        "inhibition",
    )
}

#: Spike-timing dependent plasticity of inhibition (Vogels and others 2011, eqs. 1 and 2 of their
#: methods): near-coincident spikes strengthen a synapse, every presynaptic one weakens it, so that
#: the postsynaptic cell comes to fire at its target rate.
BALANCE_CELLS = """
drecent/dt = -recent/balance_time : 1                           # filtered own spikes
balance_time : second (shared, constant)
"""
BALANCE = {
    "model": """
    w             : 1                                           # 1 at first
    balance_rate  : 1 (shared, constant)
    balance_share : 1 (shared, constant)                        # 2 target rate, time constant
    """,
    "on_pre": "w = clip(w + balance_rate*(recent_post - balance_share), 0, 10)",
    "on_post": "w = clip(w + balance_rate*recent_pre, 0, 10)",
}

PATHWAYS = {
    "recruiting": ("excitatory", "inhibitory", "ampa"),
    "inhibiting": ("inhibitory", "excitatory", "gaba"),
    "disinhibiting": ("inhibitory", "inhibitory", "gaba"),
}


def build(structure: Mapping[str, Any]) -> Built:
    """Build the network.

    Parameters
    ----------
    structure : dict
        ``excitatory`` and ``inhibitory`` (numbers of cells), ``cells`` (a key of `CELLS`),
        ``synapses`` (their number in each pathway), ``dt``, ``delay``, ``short_delay`` and ``bin``
        [s], ``rows`` (of the table of patterns), ``rule`` (model, on_pre and on_post of the plastic
        synapses), ``single`` (variables in single precision) and ``balanced`` (whether inhibition
        is plastic).
    """
    clock = Clock(structure["dt"] * second, name="step")
    n = structure["excitatory"]
    table = TimedArray(np.zeros((structure["rows"], n)), dt=1 * second, name="table")
    kind = CELLS[structure["cells"]]
    recent, spiked = (BALANCE_CELLS, "\nrecent += 1") if structure["balanced"] else ("", "")
    groups = {
        "excitatory": NeuronGroup(
            n,
            EXCITATORY + kind["model"] + recent + _constants(EXCITATORY_CONSTANTS),
            threshold=kind["threshold"],
            reset=RESET + kind["reset"] + spiked,
            method="euler",
            clock=clock,
            namespace={**noise.functions(), "table": table},
            name="excitatory",
        ),
        "inhibitory": NeuronGroup(
            structure["inhibitory"],
            INHIBITORY + recent + _constants(INHIBITORY_CONSTANTS),
            threshold="v > firing_threshold",
            reset=RESET + spiked,
            method="euler",
            clock=clock,
            namespace=noise.functions(),
            name="inhibitory",
        ),
    }
    cells = groups["excitatory"]
    cells.run_regularly(
        PROTOCOL,
        dt=structure["bin"] * second,
        when="start",
        order=-1,
        name="excitatory_protocol",
    )
    cells.run_regularly(STIMULUS, clock=clock, when="start", name="excitatory_stimulus")
    rule = structure["rule"]
    pairs = Synapses(
        cells,
        cells,
        rule["model"] + "\ngain : 1 (shared, constant)\nnmda_gain : 1 (shared, constant)",
        on_pre=rule["on_pre"],
        on_post=rule["on_post"],
        delay=structure["delay"] * second,
        dtype=dict.fromkeys(structure["single"], np.float32),
        clock=clock,
        namespace=noise.functions(),
        name="pairs",
    )
    pairs.pre.order, pairs.post.order = 0, 1
    synapses = [pairs]
    for order, (name, (source, target, receptor)) in enumerate(PATHWAYS.items(), start=2):
        model, on_pre = "gain : 1 (shared, constant)", f"{receptor}_post += gain"
        on_post = None
        if name == "inhibiting" and structure["balanced"]:
            model += BALANCE["model"]
            on_pre, on_post = f"{on_pre}*w\n{BALANCE['on_pre']}", BALANCE["on_post"]
        pathway = Synapses(
            groups[source],
            groups[target],
            model,
            on_pre=on_pre,
            on_post=on_post,
            delay=structure["short_delay"] * second,
            clock=clock,
            namespace={},
            name=name,
        )
        pathway.pre.order = order
        synapses.append(pathway)
    for pathway in synapses:
        _connect(pathway, structure["synapses"][pathway.name])
    return Built(
        Network(
            *groups.values(),
            *synapses,
            SpikeMonitor(cells, name="spikes"),
            SpikeMonitor(groups["inhibitory"], name="inhibitory_spikes"),
        ),
        clock,
        {"table": table},
    )


def _constants(units: Mapping[str, str]) -> str:
    return "".join(f"\n{name} : {unit} (shared, constant)" for name, unit in units.items())


def _connect(synapses: Synapses, count: int) -> None:
    """Make so many synapses, whose ends are inputs of the program.

    Brian2 knows no connections that come at run time: it makes them all between the first two
    cells, and their indices are then written as any other variable is. What it counts when synapses
    are made (N_incoming, N_outgoing) is not true of them.
    """
    synapses.connect(condition="i == 0 and j == 0", n=count)
    for end in ("_synaptic_pre", "_synaptic_post"):
        synapses.variables[end].read_only = False
