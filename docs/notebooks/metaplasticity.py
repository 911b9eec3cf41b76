# %% [markdown]
# # Metaplasticity: which synapses should be plastic?
#
# Every connection has a fixed weight *w* and a plasticity coefficient *alpha*; within an episode, Hebbian traces follow
# activity. Gradient descent over episodes shapes both. In the reversal task two labels are exchanged in mid-episode: a
# network that cannot change within the episode cannot follow.

# %%
from spikeconsol import plot, progress
from spikeconsol.metaplasticity import Plasticity, tasks, train

progress(False)  # no bars on a page
RUNS = 8
EPISODES = 2000
FROZEN = 200

size = {"seeds": range(RUNS), "episodes": EPISODES, "frozen": FROZEN}
training = train(tasks.Reversal(), **size)
training

# %% [markdown]
# The control has no plasticity.

# %%
control = train(tasks.Reversal(), plasticity=Plasticity(alpha="fixed", alpha_scale=0.0), **size)
for name, one in (("plastic", training), ("not plastic", control)):
    print(f"{name}: {one.solved.sum()} of {one.runs} runs solve it")

# %% [markdown]
# Not all plastic runs solve it either, and which do is told by the signs of *alpha* in a cell; see
# [the page](../metaplasticity.md).

# %%
ax = plot.learning(training)

# %%
ax = plot.plasticity(training)

# %% [markdown]
# ## A figure of yours
#
# Another task (`tasks.OneShot()`), coefficients shared by all synapses (`alpha="shared"`), a sign at the start: run this
# cell again.

# %%
PLASTICITY = Plasticity(alpha_sign="negative")
mine = train(tasks.Reversal(), plasticity=PLASTICITY, **size)
print(f"{mine.solved.sum()} of {mine.runs} runs solve it")
ax = plot.learning(mine)
