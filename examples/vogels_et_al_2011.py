"""Inhibitory plasticity balances a network; the curvature gate stores an assembly in it.

T. P. Vogels, H. Sprekeler, F. Zenke, C. Clopath, W. Gerstner (2011). Inhibitory plasticity balances
excitation and inhibition in sensory pathways and memory networks. Science 334, 1569.
Four lines, marked with <, are all that the rule adds to the network of that paper.
"""

import numpy as np
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    SpikeMonitor,
    Synapses,
    defaultclock,
    ms,
    pA,
    second,
    seed,
)

from spikeconsol.consolidation.rules import CurvatureGate  # <

CELL = """
dv/dt = (10*nS*(-60*mV - v) + ge*(0*mV - v) + gi*(-80*mV - v) + 200*pA + drive)/(200*pF)
        : volt (unless refractory)
dge/dt = -ge/(5*ms)   : siemens
dgi/dt = -gi/(10*ms)  : siemens
drive                 : amp
"""
#: Inhibitory synapses follow the rate of their target, to 3 Hz.
INHIBITORY = """
s : 1
dx_i/dt = -x_i/(20*ms) : 1 (event-driven)
dx_j/dt = -x_j/(20*ms) : 1 (event-driven)
"""


def simulate(excitatory=400, balance=5 * second, rest=1 * second, random_seed=1):
    """Let inhibition settle, drive an assembly for 0.4 s, and return weights and rates."""
    seed(random_seed)
    cells = NeuronGroup(
        excitatory * 5 // 4, CELL, threshold="v > -50*mV", reset="v = -60*mV",
        refractory=5 * ms, method="euler",
    )  # fmt: skip
    cells.v = "-60*mV + rand()*10*mV"
    E, I = cells[:excitatory], cells[excitatory:]  # noqa: E741  (the field's letters)
    alpha = 3 * Hz * 20 * ms * 2
    rule = CurvatureGate.for_lifetime(60 * second)  # <
    excite = Synapses(E, E, **rule.synapses(on_pre="ge_post += 0.3*nS*(1 + w)"), delay=1 * ms)  # <
    to_inhibitory = Synapses(E, I, on_pre="ge_post += 0.3*nS", delay=1 * ms)
    balance_it = Synapses(
        I, E, INHIBITORY, delay=1 * ms, namespace={"alpha": alpha},
        on_pre="gi_post += s*3*nS; x_i += 1; s = clip(s + 0.01*(x_j - alpha), 0, 10)",
        on_post="x_j += 1; s = clip(s + 0.01*x_i, 0, 10)",
    )  # fmt: skip
    inhibit = Synapses(I, I, on_pre="gi_post += 3*nS", delay=1 * ms)
    for synapses in (excite, to_inhibitory, balance_it, inhibit):
        synapses.connect(p=0.1)
    spikes = SpikeMonitor(E)
    network = Network(cells, excite, to_inhibitory, balance_it, inhibit, spikes)
    network.run(balance)
    excite.w = excite.trace = excite.trace_fast = 0  # < forget what the unbalanced start imprinted
    E.drive[:40] = 700 * pA
    network.run(0.4 * second)
    E.drive = 0 * pA
    network.run(rest)
    inside = (np.array(excite.i) < 40) & (np.array(excite.j) < 40)
    late = spikes.t > network.t - rest
    rate = late.sum() / excitatory / (rest / second)
    return np.array(excite.w)[inside], np.array(excite.w)[~inside], float(rate)


if __name__ == "__main__":
    defaultclock.dt = 0.1 * ms
    stored, others, rate = simulate()
    print(f"assembly: {stored.mean():.2f}, all others: {others.mean():.4f}, {rate:.1f} Hz at rest")
