"""Where runs happen, one engine per file.

Each file defines `run(configs, work, workers, timeout_s=None) -> iterator of (config, outcome) or None`. It
takes the next of `configs` whenever a worker is free, calls `work(config)` there, and yields in the order of
finishing. After all that finished together, and several times a second while nothing does, it yields None: the
moment at which the caller may look around, and stop without losing a result.
`configs` is a list, or an iterator that may give None: nothing to start now, ask again soon.

What an engine can be told is the fields of its dataclass `Options`, given to `run` as `options`; the command line has
their flags. Where an engine's workers are not on this machine, `capacity(options, cpu_threads)` says how many runs
they can do at once. `NEEDS`
names packages without which it cannot work, `COMMANDS` programs, and `PILOT` the engine that tries its runs before a
campaign, where its own workers are slow to start.

An outcome is what `work` returned, or a `Failure`: `Death` where the worker died, `Lost` where that was no doing
of the run, `Unwritable` where a disk was full. Trying again is the caller's affair. A run that takes longer
than `timeout_s` is ended and fails. When the iterator is closed, every worker is ended. An engine knows
neither torch nor the files of a campaign.
"""
