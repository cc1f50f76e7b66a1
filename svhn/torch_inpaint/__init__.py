"""Removal of digits with PyTorch: classifier, key pixels, GRNN, composite. Importing this package loads nothing."""

import importlib

_PUBLIC = {
    "DigitRemover": "svhn.torch_inpaint.remover",
    "RemovalResult": "svhn.torch_inpaint.remover",
    "inpaint": "svhn.torch_inpaint.remover",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str):
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
