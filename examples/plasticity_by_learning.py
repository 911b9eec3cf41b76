"""Which synapses should be plastic? Gradient descent on plasticity itself, in the reversal task.

Each connection has a fixed weight w and a plasticity coefficient alpha; Hebbian traces act within
an episode. The control has alpha = 0: it cannot follow a reversal.
"""

from spikeconsol import plot
from spikeconsol.metaplasticity import Plasticity, tasks, train


def compare(episodes=2000, runs=8, frozen=500):
    """Train runs with and without plastic connections."""
    kinds = {"plastic": Plasticity(), "not plastic": Plasticity(alpha="fixed", alpha_scale=0.0)}
    size = {"seeds": range(runs), "episodes": episodes, "frozen": frozen}
    return {name: train(tasks.Reversal(), plasticity=kind, **size) for name, kind in kinds.items()}


if __name__ == "__main__":
    trainings = compare()
    for name, training in trainings.items():
        print(f"{name}: {training.solved.sum()} of {training.runs} runs solve it")
    plot.plasticity(trainings["plastic"]).figure.savefig("plasticity.png")
    plot.learning(trainings["plastic"]).figure.savefig("learning.png")
