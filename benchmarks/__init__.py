"""Speed of this project against its peers; run them with ``python -m benchmarks``."""
