"""The page on which people review what is removed, and the same as an API.

The public names stand in `__init__.pyi`; each is imported when it is used first.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
