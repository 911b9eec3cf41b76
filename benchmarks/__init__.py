"""Speed of this project against its peers; run them with ``python -m benchmarks``."""

import os

# Before NumPy and JAX are imported: one thread each.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
