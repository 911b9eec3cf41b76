"""The stored stream in NEST: ``python benchmarks/nest_stdp.py N PATTERNS FILE``; prints JSON.

The cells, the drive, the noise of every step and the delay of the spiking memory, at its time step,
on one thread; between them, all to all, NEST's plain STDP synapse in place of the rule. Weights are
too small to reach a cell, as nothing is transmitted while the memory stores. NEST runs a synapse
when its presynaptic cell fires and goes through the postsynaptic spikes since then.

Runs with the Python that has NEST, which knows nothing of this project.
"""

import json
import resource
import sys
import time

import nest
import numpy as np

TIME_STEP, SHOWN, GAP = 0.5, 250.0, 50.0  # ms
TINY = 1e-9


def kilobytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(n, patterns, file):
    patterns = np.fromfile(file, np.uint8).reshape(patterns, n)
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=TIME_STEP, local_num_threads=1, rng_seed=1)
    membrane = {"C_m": 10.0, "tau_m": 10.0, "E_L": 0.0, "V_m": 0.0, "V_th": 1.0, "V_reset": 0.0}
    cells = nest.Create("iaf_psc_delta", n, membrane | {"t_ref": 6.0})
    noise = nest.Create("noise_generator", params={"std": 0.67082039, "dt": TIME_STEP})
    nest.Connect(noise, cells)
    spikes = nest.Create("spike_recorder")
    nest.Connect(cells, spikes)
    before = kilobytes()
    synapse = {"synapse_model": "stdp_synapse", "weight": TINY / 2, "Wmax": TINY, "delay": 1.0}
    nest.Connect(cells, cells, {"rule": "all_to_all", "allow_autapses": False}, synapse)
    nest.Prepare()
    nest.Run(TIME_STEP)
    loop = 0.0
    for pattern in patterns:
        for drive, duration in ((2.0 * pattern, SHOWN), (0.0 * pattern, GAP)):
            cells.set(I_e=drive)
            started = time.process_time()
            nest.Run(duration)
            loop += time.process_time() - started
    nest.Cleanup()
    pairs = 1024 * (kilobytes() - before) / (n * (n - 1))
    return {"loop": loop, "spikes": spikes.n_events, "bytes of a pair": pairs}


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:3]), sys.argv[3])))
