"""What a camera does to a rendered scene: exposure, colour cast, blur, low resolution, noise, JPEG."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from svhn.data.render.textures import luminance


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


def snapshot(rng: np.random.Generator, scene: np.ndarray, unit: float, height: float, degradation: float) -> np.ndarray:
    """Photograph a scene (H, W, 3) float32 whose digits are `unit` pixels high so that they become `height` high.

    Colours are recorded coarser than light and a little beside it, as lenses and JPEG do; many pictures are
    enlarged from an even smaller one, or sharpened. Returns the picture (h, w, 3) uint8.
    """
    blur = unit * (0.012 + degradation * 0.09 * rng.beta(1.1, 2.6))
    picture = cv2.GaussianBlur(scene, (0, 0), blur)
    if rng.random() < 0.12 * degradation:
        picture = cv2.filter2D(picture, -1, _motion_kernel(rng, unit * 0.25), borderType=cv2.BORDER_REFLECT)
    size = max(round(scene.shape[1] * height / unit), 8), max(round(scene.shape[0] * height / unit), 8)
    finer = 1 - degradation * rng.uniform(0, 0.45) * (rng.random() < 0.5)
    small = max(round(size[0] * finer), 8), max(round(size[1] * finer), 8)
    picture = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    picture = picture + degradation * rng.uniform(0.3, 4) * rng.standard_normal(picture.shape, dtype=np.float32)
    picture = _smear_colour(rng, picture, degradation)
    if rng.random() < 0.5 * degradation:
        soft = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.7, 1.6))
        picture = picture + rng.uniform(0.2, 1.3) * (picture - soft)
    gains = np.exp(degradation * rng.normal((-0.01, 0, 0.02), 0.03)).astype(np.float32)
    picture = np.clip(np.rint(picture * gains), 0, 255).astype(np.uint8)
    if small != size:
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.8 * degradation:
        picture = code_as_jpeg(picture, int(rng.integers(50, 97)))
    return picture


def code_as_jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 as JPEG of a quality 1..100 leaves it.

    OpenCV takes the channels for BGR, so that red and blue keep more detail than in a photo; training draws of both.
    """
    _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))


def _smear_colour(rng: np.random.Generator, picture: np.ndarray, degradation: float) -> np.ndarray:
    """Blur and shift the colours against the light and lay coarse colour noise over them."""
    gray = luminance(picture)[..., None]
    colour = picture - gray
    grain = rng.standard_normal((picture.shape[0] // 4 + 2, picture.shape[1] // 4 + 2, 3), dtype=np.float32)
    grain *= degradation * rng.uniform(0, 6) * np.array([0.6, 0.3, 1.0], np.float32)
    colour = colour + cv2.resize(grain, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    colour = cv2.GaussianBlur(colour, (0, 0), 0.4 + degradation * rng.uniform(0, 1.4))
    fringe = degradation * rng.normal(0, 0.25, 2)
    for channel, sign in ((0, 1), (2, -1)):
        moved = cv2.warpAffine(
            picture[..., channel],
            np.array([[1, 0, sign * fringe[0]], [0, 1, sign * fringe[1]]]),
            picture.shape[1::-1],
            borderMode=cv2.BORDER_REPLICATE,
        )
        colour[..., channel] += moved - picture[..., channel]
    return gray + colour
