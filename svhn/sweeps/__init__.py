"""Many training runs from one file, in the background: plan, supervisor, live table, page."""
