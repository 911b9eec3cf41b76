"""Publication figures: one file each, drawn from saved results only."""
