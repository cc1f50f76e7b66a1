from .progress import choose_display as choose_display
