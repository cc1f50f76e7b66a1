"""What needs TensorFlow. Never loaded beside `svhn.torch_inpaint`."""
