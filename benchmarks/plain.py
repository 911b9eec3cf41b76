"""The storage phase as plain Brian2: full matrix, double precision, xi, default settings.

Run as ``python -m benchmarks.plain TARGET N PATTERNS [FOLDER]``; prints JSON. With the target
``standalone`` it only writes and compiles the program in FOLDER, which is timed from outside.
The feedback inhibition, which is silent during storage, is left out.
"""

import json
import sys
import time

import brian2 as b2
import numpy as np
from brian2 import ms

from benchmarks.common import patterns_of
from spikeconsol.consolidation import LIF, SpikingParameters
from spikeconsol.consolidation.rules import BoundedCurvatureGate

CELLS = """
dv/dt = (drive - v)/tau + noise*xi/sqrt(tau) : 1 (unless refractory)
drive = input_current*shown(t, i)            : 1
dg/dt = -g/(20*ms)                           : 1
dfacilitation/dt = -facilitation/(80*ms)     : 1
u = clip((facilitation - 0.4)/0.05, 0, 1)    : 1
h                                            : 1
"""
RESET = """
v = 0
h = clip((facilitation - 0.4)/0.05, 0, 1)
facilitation += 0.3*(1 - facilitation)
"""
PAIRS = "w : 1\nc : 1\nheard : 1\ntrace : 1"
SPIKE = """
c += learn(t)*h_{own}*u_{partner}
heard += learn(t)*h_{own}
"""
LATCH = """
share = c/clip(heard, 1e-6, inf)
A = clip(heard/2 - 1, 0, 1)*clip((share - 0.5)*5, 0, 1)
M = clip(heard/2 - 1, 0, 1)*clip((0.5 - share)*5, 0, 1)
ceiling = 1.0
{rule}
c = 0
heard = 0
"""
REPORT = """
std::cout << "{\\"loop\\": " << double(clock() - started)/CLOCKS_PER_SEC << "}" << std::endl;
"""


def network(n, patterns):
    """Return the network and its spike monitor."""
    p, rule = SpikingParameters(), BoundedCurvatureGate()
    b2.defaultclock.dt = 0.5 * ms
    bins = np.zeros((6 * len(patterns), n))
    for bin_ in range(5):
        bins[bin_::6] = patterns
    learning = np.tile([1.0] * 5 + [0.0], len(patterns))
    namespace = {
        "tau": LIF().membrane_time * b2.second,
        "noise": p.cells.noise,
        "input_current": p.cells.input_current,
        "shown": b2.TimedArray(bins, dt=50 * ms),
        "learn": b2.TimedArray(learning, dt=50 * ms),
        **rule.constants,
    }
    cells = b2.NeuronGroup(
        n,
        CELLS,
        threshold="v > 1",
        reset=RESET,
        refractory=6 * ms,
        method="euler",
        namespace=namespace,
    )
    pairs = b2.Synapses(
        cells,
        cells,
        PAIRS,
        on_pre="g_post += w*h_pre" + SPIKE.format(own="pre", partner="post"),
        on_post=SPIKE.format(own="post", partner="pre"),
        delay={"pre": 1 * ms, "post": 1 * ms},
        namespace=namespace,
    )
    pairs.connect(condition="i != j")
    pairs.run_regularly(LATCH.format(rule=rule.statements), dt=300 * ms)
    spikes = b2.SpikeMonitor(cells)
    return b2.Network(cells, pairs, spikes), spikes


def main(target, n, count, folder=""):
    patterns = patterns_of(n, count)
    duration = count * 300 * ms
    if target == "standalone":
        b2.set_device("cpp_standalone", build_on_run=False)
        # What the program reports by itself is wall-clock time in some versions.
        b2.device.insert_code("before_network_run", "const clock_t started = clock();")
        b2.device.insert_code("after_network_run", REPORT)
        network(n, patterns)[0].run(duration)
        b2.device.build(directory=folder, run=False)
        return {}
    b2.prefs.codegen.target = target
    net, spikes = network(n, patterns)
    net.run(0.5 * ms)  # generates, compiles and connects
    started = time.process_time()
    net.run(duration)
    return {"loop": time.process_time() - started, "spikes": int(spikes.num_spikes)}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], *map(int, sys.argv[2:4]), *sys.argv[4:])))
