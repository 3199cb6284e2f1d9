"""Evaluations, one per file: each file defines a class `Evaluation`, derived from the one in base.py.

Literals at the top level of a file say which points the evaluation has: `STRENGTHS`, `DRAWS`, `VERSION`, `REPORTS` and
`FROM_CONFIG`, explained in parts/wanted.py. The dict `CARD` has the options with which a robustness card measures, for
minutes instead of hours (default: the usual ones). The dict `COLUMNS` explains the columns that the evaluation adds to
tables, by name, for COLUMNS.md. The dict `FIGURE` says how its rows are drawn, with any of these keys. An evaluation
without it is drawn as accuracy against its strength, or as a map of parts and strengths if its rows have parts.

    axis           the text below the horizontal axis (default: "strength of <name>")
    scale          "log": a logarithmic axis; "symlog": one that also shows zero (default: linear)
    ticks          {strength: its text on the axis}, for a logarithmic axis (default: the strengths)
    name           the text beside the vertical axis (default: that of the quantity)
    quantity       "acc" (default), "drop" or "loss"
    style          "points" (default), with error bars, or "band", for lines of many points
    measured_at    the weights or inputs at which the points are measured, for the caption
    label_column   a column of results_per_run.csv whose mean is added to the label of each line
    beside         {name of another evaluation: text for the legend}: drawn dashed in the same panels, instead of alone
"""
