# %% [markdown]
# # My own Brian2 network
#
# A rule goes into any Brian2 network by one argument, `**rule.synapses(...)`. Nothing is added to the cells. Here:
# excitatory and inhibitory cells, of which some are driven together for a moment. What is remembered, and for how long?

# %%
import numpy as np
from brian2 import (
    Network,
    NeuronGroup,
    SpikeMonitor,
    Synapses,
    defaultclock,
    ms,
    mV,
    prefs,
    second,
)
from matplotlib import pyplot as plt

from spikeconsol import plot
from spikeconsol.consolidation.rules import CurvatureGate

prefs.codegen.target = "numpy"  # no compilation; take the line away for large networks
defaultclock.dt = 0.2 * ms
CELLS = 24
SHOWN = 400 * ms
AFTER = 2000 * ms

# %% [markdown]
# What does the rule do at the rates that I expect? It says so before anything runs.

# %%
rule = CurvatureGate.for_lifetime(20 * second)  # protected for 20 s after the last coincidence
print(rule.check(driven="80 Hz", background="3 Hz", shown="0.4 s"))

# %% [markdown]
# The network: everything but `**rule.synapses(...)` is plain Brian2.

# %%
membrane = """
dv/dt = (-70*mV - v + drive*mV + (0*mV - v)*ge + (-80*mV - v)*gi)/(20*ms) : volt (unless refractory)
dge/dt = -ge/(5*ms) : 1
dgi/dt = -gi/(10*ms) : 1
drive : 1
"""
spiking = {"threshold": "v > -50*mV", "reset": "v = -60*mV", "method": "euler"}
excitatory = NeuronGroup(CELLS, membrane, refractory=5 * ms, **spiking)
inhibitory = NeuronGroup(CELLS // 4, membrane, refractory=2 * ms, **spiking)
excitatory.v = inhibitory.v = -70 * mV
plastic = Synapses(
    excitatory, excitatory, **rule.synapses(on_pre="ge_post += 0.02*w"), delay=1 * ms
)
plastic.connect(condition="i != j")
recruiting = Synapses(excitatory, inhibitory, on_pre="ge_post += 0.15", delay=1 * ms)
recruiting.connect()
calming = Synapses(inhibitory, excitatory, on_pre="gi_post += 0.1", delay=1 * ms)
calming.connect()
spikes = SpikeMonitor(excitatory)
network = Network(excitatory, inhibitory, plastic, recruiting, calming, spikes)

# %% [markdown]
# One assembly is driven, then nothing; then another one.

# %%
assemblies = np.zeros((2, CELLS), bool)
assemblies[0, : CELLS // 3] = assemblies[1, CELLS // 4 : CELLS // 2] = True
for assembly in assemblies:
    excitatory.drive = 45 * assembly
    network.run(SHOWN)
    excitatory.drive = 0
    network.run(AFTER)


def matrix(values):
    full = np.zeros((CELLS, CELLS))
    full[plastic.i[:], plastic.j[:]] = values
    return full


state = rule.state(plastic, network.t)  # all variables, brought to one moment
for number, assembly in enumerate(assemblies, 1):
    inside = np.outer(assembly, assembly) & ~np.eye(CELLS, dtype=bool)
    print(f"assembly {number}: mean weight {matrix(state['w'])[inside].mean():.2f}")
ax = plot.weights(matrix(state["w"]))

# %% [markdown]
# ## A figure of yours
#
# The control is the same rule with its gate open, `rule.ungated()`; other rules, `HardBounds()`, go in the same way.
# What does the network do? Change the cells, the drive or the rule above, run all, and look.

# %%
plt.figure(figsize=(7, 2.4))
plt.plot(spikes.t / ms, spikes.i, "|")
plt.xlabel("Time (ms)")
plt.ylabel("Excitatory cell")
plt.show()
