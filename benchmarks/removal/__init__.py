"""Removal measured side by side with every method a user could pick instead; see `__main__`."""
