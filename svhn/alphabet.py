"""The classes that every model here tells apart: the ten digits. A label is a digit's place among them."""

DIGITS = tuple("0123456789")
NUM_CLASSES = len(DIGITS)
