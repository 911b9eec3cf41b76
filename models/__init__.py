"""Runnable models: one file each, with its parameters, its conditions and its run."""
