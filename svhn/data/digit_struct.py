"""The name under which SVHN's `digitStruct.mat` was read before there was a room for formats; it stays importable."""

from svhn.data.formats import DIGIT_STRUCT_FILE, DigitStruct, write_digit_struct

__all__ = ["DIGIT_STRUCT_FILE", "DigitStruct", "write_digit_struct"]
