"""Studies as data: `BLOCK`, the lines of a study, and optionally `PARTS`, what each part differs in."""
