"""Recurrent populations that keep an echo of past samples, of rates or spikes; their readout."""

#: One step of the leaky recurrent network of rate cells per sample.
RESERVOIR = """
u       : 1
drive   : 1
rate    : 1
leak    : 1 (shared, constant)          # time of a sample over the time constant
audible : 1 (shared, constant)          # 0: recurrent cells are silenced
class_now : integer                     # synapses cannot read linked variables
memory_label : integer (linked)
taught  : 1 (linked)
"""
RESERVOIR_STEP = """
drive += class_drive((class_now + 0.5)*sample_time, i)
u += taught*leak*(drive - u)
rate = audible*tanh(u)
drive = 0
"""

#: Spiking cells. Never at rest: neither potentials nor currents are cleared between samples.
LIQUID = """
dv/dt = (drive + current - v)/membrane_time : 1
dcurrent/dt = -current/synaptic_time        : 1     # slow synapses, from hidden cells and liquid
dtrace/dt = -trace/trace_time               : 1     # filtered spikes, which are read out
drive     : 1                                       # background and class
class_now : integer                                 # of the sample that is shown
membrane_time : second (shared, constant)
synaptic_time : second (shared, constant)
trace_time    : second (shared, constant)
audible       : 1 (shared, constant)                # 0: the cells are silenced
"""
#: The class of a sample is known from its beginning.
ONSET = """
class_now = int(memory_labels(t))
drive = class_drive((class_now + 0.5)*sample_time, i)
"""

#: Cells that relay the code, and a last one that is always on: what a readout sees of the sample
#: itself, beside the echo of past ones.
RELAYS = """
rate      : 1
class_now : integer
memory_label : integer (linked)
"""
#: Synapses of which those of the class now are open.
GATED = "w : 1\nclass_gate : integer"

#: What a readout sees in place of the present activity, and the slots that hold that of the past.
HELD = """
seen      : 1
present   : 1
class_now : integer
memory_label : integer (linked)
"""
SLOTS = """
write   : 1                             # share of the present activity that a slot takes up
chosen  : 1                             # 1 for the slot that is seen
shown   : integer                       # samples before this one
taught  : 1 (linked)
"""
#: Controls: the mean over the first samples, one of the last, the one before.
CHOOSE = {
    "constant": "write = taught*int(shown < {frozen})/(shown + 1)\nchosen = 1",
    "shuffled": """
write = taught*int(i == shown % N)
chosen = int(i == int(uniform(0, 1, shown, 0)*clip(shown, 1, N)))
""",
    "late": "write = taught\nchosen = 1",
}

#: Poisson cells that stand for a layer while the readout of a liquid is trained.
REHEARSED = """
expected   : 1                          # spikes in this sample
count      : 1
noise_seed : integer (shared, constant)
"""
