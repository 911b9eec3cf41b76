"""How irregular are the spikes of a memory? CV, Fano factor and cross-correlogram by Elephant.

A recording goes to Neo, and Neo goes to Elephant: ``pip install elephant``.
"""

import numpy as np
from store_and_recall import simulate


def statistics(recording):
    """Mean CV of intervals, Fano factor of counts, and cross-correlogram of the busiest cells."""
    import quantities as pq
    from elephant.conversion import BinnedSpikeTrain
    from elephant.spike_train_correlation import cross_correlation_histogram
    from elephant.statistics import cv, fanofactor, isi

    trains = recording.to_neo().segments[0].spiketrains
    spiking = sorted((train for train in trains if len(train) > 2), key=len, reverse=True)
    variation = np.mean([cv(isi(train)) for train in spiking])
    fano = fanofactor([train for train in trains if len(train)])
    binned = [BinnedSpikeTrain(train, bin_size=5 * pq.ms) for train in spiking[:2]]
    histogram, lags = cross_correlation_histogram(*binned, window=[-40, 40])
    return variation, fano, 5 * lags, histogram.magnitude.ravel()


if __name__ == "__main__":
    try:
        import elephant  # noqa: F401
    except ModuleNotFoundError:
        hint = "Elephant is not installed: pip install elephant 'spikeconsol[export]'"
        raise SystemExit(hint) from None
    from matplotlib import pyplot as plt

    memory, _newest, _recalled = simulate(stored=100, tested=40)
    variation, fano, lags, histogram = statistics(memory.recording)
    print(memory.recording)
    print(f"CV of intervals {variation:.2f}, Fano factor across cells {fano:.2f}")
    plt.bar(lags, histogram, width=5)
    plt.xlabel("Lag (ms)")
    plt.ylabel("Coincidences of the two busiest cells")
    plt.savefig("cross_correlogram.png")
