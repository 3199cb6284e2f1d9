"""Exporters: finished runs for another program to show, one program per file.

An exporter is a module in this folder, found by its file name, with

    PACKAGES = ("…",)                            the packages that it imports and requirements.txt lacks, a literal
    SHOW = "… {folder}"                          the command that shows what was exported, a literal
    export(runs: Sequence[Run], folder: Path)    writes the runs below the folder, which exists

Packages are imported inside functions. A run that was exported before is replaced, never written twice. `Run` is in
`campaign/exporters/base.py`.
"""
