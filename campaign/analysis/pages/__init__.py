"""Pages for a browser, each a file of its own that needs no network: the report on a results folder, and cards."""
