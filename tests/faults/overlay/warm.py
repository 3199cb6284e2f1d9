"""What the fork server of the tests of faults imports: nothing if runs are made up."""

import os

if "STUB" not in os.environ:
    from campaign.engines.workers import really_warm  # noqa: F401
