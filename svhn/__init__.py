"""Remove house numbers from street photos; classify, train, measure and export on SVHN."""

__version__ = "0.2.0"
