"""Layers learn from a working memory's signal, beside layers that do not learn.

The bottleneck rule changes hidden weights by local activity times a signal for each layer, which a
memory of the last samples provides. The control has the same readout on frozen hidden layers.
"""

from spikeconsol import plot
from spikeconsol.bottleneck import BottleneckClassifier
from spikeconsol.data import digits_task


def compare(epochs=10, hidden=(64, 32), seed=0, backend="auto"):
    """Accuracy on unseen digits with and without learning in the hidden layers."""
    task = digits_task(seed=seed)
    found = {}
    for name, signal in (("bottleneck", "exact"), ("frozen layers", "frozen")):
        settings = {"signal": signal, "epochs": epochs, "random_state": seed, "backend": backend}
        found[name] = BottleneckClassifier(hidden, **settings).fit(task.X, task.y)
    return {name: net.score(task.X_test, task.y_test) for name, net in found.items()}, found, task


if __name__ == "__main__":
    accuracy, networks, task = compare()
    print({name: round(value, 3) for name, value in accuracy.items()})
    network = networks["bottleneck"]
    plot.fields(network).figure.savefig("fields.png")
    plot.codes(network, task.X_test, task.y_test).figure.savefig("codes.png")
