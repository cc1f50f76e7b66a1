"""Digit classification with Keras on TensorFlow. Importing this package imports neither of them."""
