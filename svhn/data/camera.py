"""What a camera does to a rendered scene: exposure, colour cast, blur, low resolution, noise, JPEG."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from svhn.data.textures import luminance


@dataclass(frozen=True)
class Camera:
    """One draw of everything between the light and the file; both pictures of a scene are taken with it."""

    gains: np.ndarray
    haze: float
    saturation: float
    blur: float
    motion: np.ndarray | None
    reduction: float
    noise: np.ndarray
    quality: int | None

    @classmethod
    def draw(cls, rng: np.random.Generator, shape: tuple[int, int], unit: float, degradation: float) -> "Camera":
        exposure = np.exp(degradation * rng.normal(-0.1, 0.33))
        noise = rng.standard_normal((*shape, 3), dtype=np.float32)
        noise = 0.6 * noise + 0.6 * noise.mean(axis=2, keepdims=True)
        return cls(
            gains=(exposure * (1 + degradation * rng.normal((-0.01, 0, 0.06), 0.05))).astype(np.float32),
            haze=degradation * rng.uniform(0, 0.2),
            saturation=1 - degradation * rng.uniform(0, 0.7),
            blur=0.3 + degradation * unit * 0.07 * rng.beta(1.2, 2.5),
            motion=_motion_kernel(rng, degradation * unit * 0.22) if rng.random() < 0.2 * degradation else None,
            reduction=1 + degradation * rng.uniform(0, 1) * min(unit / 14, 1.6),
            noise=noise * degradation * rng.uniform(0.5, 6),
            quality=round(96 - degradation * rng.uniform(5, 60)) if rng.random() < 0.7 else None,
        )

    @property
    def spread(self) -> int:
        """How far in pixels a stroke can be seen beside itself."""
        motion = 0 if self.motion is None else len(self.motion) / 2
        coding = 0 if self.quality is None else 2
        return int(np.ceil(2.5 * self.blur + motion + 1.5 * (self.reduction - 1) + coding + 1))

    def shoot(self, scene: np.ndarray) -> np.ndarray:
        """Turn a scene (H, W, 3) float32 into a picture (H, W, 3) uint8."""
        height, width = scene.shape[:2]
        picture = cv2.GaussianBlur(scene, (0, 0), self.blur)
        if self.motion is not None:
            picture = cv2.filter2D(picture, -1, self.motion, borderType=cv2.BORDER_REFLECT)
        if self.reduction > 1.1:
            small = max(round(width / self.reduction), 8), max(round(height / self.reduction), 8)
            picture = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
            picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC)
        gray = luminance(picture)[..., None]
        picture = gray + self.saturation * (picture - gray)
        picture = (picture + self.haze * (120 - picture)) * self.gains + self.noise
        picture = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
        return picture if self.quality is None else _compress(picture, self.quality)


def _motion_kernel(rng: np.random.Generator, length: float) -> np.ndarray:
    """Return the path of a shaking camera as a kernel (n, n) float32 of sum 1."""
    half = max(round(rng.uniform(0.4, 1) * length / 2), 1)
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    angle = rng.uniform(0, np.pi)
    dx, dy = round(half * np.cos(angle)), round(half * np.sin(angle))
    cv2.line(kernel, (half - dx, half - dy), (half + dx, half + dy), 1.0)
    return kernel / kernel.sum()


def _compress(picture: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))
