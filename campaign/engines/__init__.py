"""Where runs happen, one engine per file.

Each file defines `class Engine`, derived from `base.Engine` and made as `Engine(work, workers, timeout_s, options)`;
what an engine has beside these it makes in `set_up()`:

    room            whether another run can be started now
    start(config, known=None)
                    starts `work(config)` on a free worker, or `work(config, known)` where its run file exists
    ended(wait_s)   [(config, outcome), ...] of the runs that have ended; waits at most `wait_s` seconds for the first
    close()         ends every worker, whatever it is doing; an engine is also a context manager that closes itself

An outcome is the dict that `work` returned, or a `Failure`: `Death` if the worker died, `Lost` if the worker died
through no fault of the run, `Unwritable` if a file could not be written. The caller decides what is tried again. A run
that takes longer than `timeout_s` seconds is ended and fails. An engine knows neither torch nor the files of a
campaign.

Optional parts of an engine's file: a dataclass `Options`, which the command line fills; `capacity(options,
cpu_threads)`, the number of runs that fit at once, if the workers are not on this machine; `WORKERS`, their
number if it cannot be chosen; `THREADS = True`, if runs with different numbers of threads may share the cores of this
machine, so that `cpu_threads` "auto" may give a run more than one; `NEEDS`, the packages and
`COMMANDS`, the programs that it needs; `PILOT`, the name of the engine that tries runs before a launch, if its own
workers are slow to start. A job scheduler also defines what `--print-job` needs: `SUBMIT`, the command that submits a
script; `ARRAY_INDEX`, the environment variable with the index of a job in its array; `directives(options, name)`, the
lines that ask for the jobs; and optionally `NOTE`, a comment for the script.
"""
