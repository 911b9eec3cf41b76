"""A script of plain Brian2: excitatory and inhibitory cells, and one argument for the rule.

Run as ``own_network.py TARGET FOLDER``; prints what became of a driven pair and of a silent one.
"""

# ruff: noqa: E741, F403, F405  (written as users write)
import json
import sys

import numpy as np
from brian2 import *

from spikeconsol.consolidation.rules import CurvatureGate

target, folder = sys.argv[1:]
if target == "standalone":
    set_device("cpp_standalone", build_on_run=False)
else:
    prefs.codegen.target = target

membrane = """
dv/dt = (-70*mV - v + drive*mV + (0*mV - v)*ge + (-80*mV - v)*gi)/(20*ms) : volt (unless refractory)
dge/dt = -ge/(5*ms) : 1
dgi/dt = -gi/(10*ms) : 1
drive : 1
"""
defaultclock.dt = 0.2 * ms
E = NeuronGroup(
    12, membrane, threshold="v > -50*mV", reset="v = -60*mV", refractory=5 * ms, method="euler"
)
I = NeuronGroup(3, membrane, threshold="v > -50*mV", reset="v = -60*mV", method="euler")
E.v = I.v = -70 * mV

rule = CurvatureGate.for_lifetime(20 * second)
gain = 0.05
S = Synapses(E, E, **rule.synapses(on_pre="ge_post += gain*w"), delay=1 * ms)
S.connect(condition="i != j")
EI = Synapses(E, I, on_pre="ge_post += 0.3", delay=1 * ms)
EI.connect()
IE = Synapses(I, E, on_pre="gi_post += 0.2", delay=1 * ms)
IE.connect()
spikes = SpikeMonitor(E)

E.drive = "45*int(i < 6)"
run(0.4 * second)
E.drive = 0
run(1 * second)
if target == "standalone":
    device.build(directory=folder)
traces = {name: np.array(getattr(S, name)[:]) for name in ("w", "trace", "trace_fast")}
both = (np.array(S.i[:]) < 6) & (np.array(S.j[:]) < 6)
# When the gate, which reads q - q_fast, opens again: measured from the last spike on.
q, fast = (traces[name][both][0] for name in ("trace", "trace_fast"))
constants = rule.constants
times = np.arange(0, 60, 1e-3)
delayed = q * np.exp(-times / constants["trace_time"])
delayed -= fast * np.exp(-times / constants["trace_fast_time"])
print(
    json.dumps(
        {
            "driven": float(traces["w"][both].min()),
            "silent": float(traces["w"][~both].max()),
            "protected": float(times[delayed > constants["trace_threshold"]].max()),
            "rate": len(spikes.t) / 6 / 0.4,
        }
    )
)
