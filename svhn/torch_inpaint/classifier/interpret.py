"""What a PyTorch classifier makes of single crops, for the figures of `svhn.figures.interpretation`."""

import numpy as np
import torch

from svhn.figures import Interpretation, Layer
from svhn.torch_inpaint.classifier.adapter import to_batch
from svhn.torch_inpaint.classifier.nets import Classifier, ConvNet, Preprocessing

# Noisy copies behind `sensitivity`, and their noise as a share of the input's range (Smilkov et al. 2017).
COPIES, NOISE = 32, 0.1


def interpret_crops(classifier: Classifier, crops: np.ndarray, seed: int = 0) -> list[Interpretation]:
    """Interpret crops, uint8 (N, 32, 32, 3) RGB, one by one; `seed` is of the noise."""
    device = classifier.net.first_conv.weight.device
    generator = torch.Generator().manual_seed(seed)
    seen = to_batch(crops, classifier.preprocessing, device)
    return [_interpret(classifier, *pair, generator) for pair in zip(crops, seen[:, None], strict=True)]


def _interpret(
    classifier: Classifier, crop: np.ndarray, seen: torch.Tensor, generator: torch.Generator
) -> Interpretation:
    net = classifier.net
    with torch.inference_mode():
        probabilities = net(seen).softmax(dim=1)[0]
        maps = net.first_conv(seen)[0]
    digit = int(probabilities.argmax())
    noise = torch.randn((COPIES, *seen.shape[1:]), generator=generator).to(seen.device)
    noisy = seen + NOISE * (seen.max() - seen.min()) * noise
    return Interpretation(
        crop,
        seen[0, 0].cpu().numpy(),
        probabilities.cpu().numpy(),
        input_gradient(classifier, seen, digit)[0].cpu().numpy(),
        input_gradient(classifier, noisy, digit).abs().mean(dim=0).cpu().numpy(),
        net.first_conv.weight.detach()[:, 0].cpu().numpy(),
        maps.cpu().numpy(),
    )


def input_gradient(classifier: Classifier, seen: torch.Tensor, digit: int) -> torch.Tensor:
    """Return the gradient (N, S, S) of a digit's logit by the network's input (N, 1, S, S)."""
    seen = seen.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(classifier.net(seen)[:, digit].sum(), seen)
    return gradient[:, 0]


def layers_of(net: ConvNet, preprocessing: Preprocessing) -> list[Layer]:
    """Return the layers of a network, for the diagram of `svhn.figures.draw_network`; channels come last."""
    values = torch.zeros((1, 1, preprocessing.size, preprocessing.size))
    scaled = f"gray, (x / 255 - {preprocessing.mean:g}) / {preprocessing.std:g}"
    contrast = ", own mean and contrast" if preprocessing.standardise else ""
    found = [Layer("image", "Input", scaled + contrast, (preprocessing.size, preprocessing.size, 1), 0)]
    for module in [*net.features, *net.classifier]:
        with torch.inference_mode():
            values = module(values)
        shape = tuple(values.shape[1:])
        shape = (*shape[1:], shape[0]) if len(shape) == 3 else shape  # chw -> hwc
        count = sum(weights.numel() for weights in module.parameters())
        place = len(found)
        found.append(Layer(str(place), type(module).__name__, _detail(module), shape, count, (place - 1,)))
    return found


def _detail(module: torch.nn.Module) -> str:
    """Say what a layer's settings are."""
    if isinstance(module, torch.nn.Conv2d):
        return f"{module.out_channels} filters {module.kernel_size[0]} x {module.kernel_size[1]}"
    if isinstance(module, torch.nn.MaxPool2d):
        return f"{module.kernel_size} x {module.kernel_size}"
    if isinstance(module, torch.nn.Dropout):
        return f"rate {module.p:g}"
    return f"{module.out_features} units" if isinstance(module, torch.nn.Linear) else ""
