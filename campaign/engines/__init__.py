"""Where runs happen, one engine per file.

Each file defines `run(configs, work, workers) -> iterator of (config, outcome)`: it calls `work(config)` for
every configuration, in the given order as far as workers are free, and yields in the order of finishing. An
outcome is what `work` returned, or a `Failure`. An engine knows neither torch nor the files of a campaign.
"""
