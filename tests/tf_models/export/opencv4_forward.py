"""Run a Caffe network with OpenCV 4: python opencv4_forward.py PROTOTXT WEIGHTS INPUT.npy OUTPUT.npy [LAYER]

Runs in .venv-caffe (`make test-caffe`); knows nothing of the project. The input is float32 (N, C, H, W).
"""

import sys

import cv2
import numpy as np

prototxt, weights, source, target, *layer = sys.argv[1:]
net = cv2.dnn.readNetFromCaffe(prototxt, weights)
net.setInput(np.load(source))
np.save(target, net.forward(*layer))
