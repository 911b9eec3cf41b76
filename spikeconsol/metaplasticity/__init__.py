"""Meta-learned Hebbian plasticity: exact gradients through Hebbian traces."""
