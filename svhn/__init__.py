"""Remove house numbers from street photos; classify, train, measure and export on SVHN.

The public names stand in `__init__.pyi`; each is imported when it is used first.
"""

import lazy_loader

__version__ = "0.2.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
