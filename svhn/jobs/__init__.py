"""Many photos: what to do, doing it, and saying what happened."""
