"""When the garbage collector of a process that lives long looks: seldom, and never at what was loaded at the start."""

import gc

# Of objects that can be in a circle, more made than freed, until the young are looked at (700 by default): some batches
# of tasks, or some pages. They take a few megabytes.
YOUNG = 20_000


def settle() -> None:
    """To be called once everything is loaded: some 160,000 objects that stay, which every full look would visit."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 50)
