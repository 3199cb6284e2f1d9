"""Networks, one family per file: each file defines `build` and, for a family, `VARIANTS`."""
