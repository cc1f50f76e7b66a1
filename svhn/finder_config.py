"""The old place of `FinderConfig`, for programs that import from here."""

from svhn.finder import FinderConfig as FinderConfig
