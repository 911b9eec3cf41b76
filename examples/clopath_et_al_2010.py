"""Voltage-based plasticity of inputs, the curvature gate among the cells that they drive.

C. Clopath, L. Buesing, E. Vasilaki, W. Gerstner (2010). Connectivity reflects coding: a model of
voltage-based STDP with homeostasis. Nature Neuroscience 13, 344.
The cells have a variable w of their own (adaptation), so the rule's weight gets another name. Three
lines, marked with <, are all that the rule adds.
"""

import numpy as np
from brian2 import (
    Network,
    NeuronGroup,
    PoissonGroup,
    SpikeMonitor,
    Synapses,
    ms,
    mV,
    second,
    seed,
)

from spikeconsol.consolidation.rules import CurvatureGate  # <

#: Adaptive exponential cells; the means of the potential are what plasticity reads.
CELL = """
dv/dt = (30*nS*(-70.6*mV - v) + 30*nS*2*mV*exp(clip((v + 50.4*mV)/(2*mV), -100, 5)) - w + current)
        /(281*pF)                              : volt
dw/dt = (4*nS*(v + 70.6*mV) - w)/(144*ms)      : amp
dcurrent/dt = -current/(5*ms)                  : amp
du_minus/dt = (v - u_minus)/(10*ms)            : volt
du_plus/dt = (v - u_plus)/(7*ms)               : volt
"""
#: Depression at presynaptic spikes, potentiation while the potential is high.
INPUT = """
s : 1
dx/dt = -x/(15*ms) : 1 (clock-driven)
"""
POTENTIATION = "s = clip(s + 8e-5*x*clip(v_post/mV + 45.3, 0, 70)*clip(u_plus_post/mV + 70.6, 0, 40)*dt/ms, 0, 1)"  # noqa: E501
DEPRESSION = "s = clip(s - 14e-5*clip(u_minus_post/mV + 70.6, 0, 40), 0, 1); x += 1"


def simulate(cells=20, duration=1 * second, random_seed=1):
    """Drive half of the cells through plastic inputs; return the weights among all of them."""
    seed(random_seed)
    inputs = PoissonGroup(2 * cells, "40*Hz*int(i < N//2)")
    E = NeuronGroup(
        cells, CELL, threshold="v > -20*mV", reset="v = -60*mV; w += 80*pA", method="euler"
    )
    E.v = E.u_minus = E.u_plus = -70.6 * mV
    feed = Synapses(
        inputs, E, INPUT, on_pre="current_post += 900*pA*s; " + DEPRESSION, method="exact"
    )
    feed.connect("abs(i - 2*j) < 12")
    feed.s = 0.5
    feed.run_regularly(POTENTIATION, dt=0.1 * ms)
    rule = CurvatureGate.for_lifetime(60 * second, window=2 * second)  # <
    recurrent = rule.synapses(on_pre="current_post += 20*pA*strength", weight="strength")  # <
    among = Synapses(E, E, **recurrent, delay=1 * ms)
    among.connect("i != j")
    spikes = SpikeMonitor(E)
    Network(inputs, E, feed, among, spikes).run(duration)
    rate = np.bincount(spikes.i, minlength=cells) / (duration / second)
    active = rate > 20
    both = active[among.i[:]] & active[among.j[:]]
    return np.array(among.strength)[both], np.array(among.strength)[~both], rate


if __name__ == "__main__":
    driven, others, rate = simulate()
    print(f"driven pairs: {driven.mean():.2f}, others: {others.mean():.3f}; {rate.round()} Hz")
