"""A field of patches: for every patch that overlaps a hole the known patch that is most like it, at one scale.

A GRNN whose pattern layer holds patches in place of positions: a pixel of the hole is the kernel-weighted mean of what
the known patches have at its place that are most like the patches that cover it (Wexler, Shechtman and Irani,
"Space-time completion of video", IEEE PAMI 29(3), 2007). Patches are compared by colours and by gradients of the
brightness (Darabi and others, "Image melding", SIGGRAPH 2012), found by propagation and random search (Barnes and
others, "PatchMatch", SIGGRAPH 2009).
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from svhn.crops import LUMINANCE

# Patches are squares of 2 RADIUS + 1 pixels.
RADIUS = 3
SIDE = 2 * RADIUS + 1
AREA = SIDE**2
# Of a pixel: three colours, two gradients.
FEATURES = 5
# Pixels of the hole are trusted the less the farther inside they lie: by this factor a pixel.
TRUST = 1.3
# More patches than this are found at every second pixel of every second row only.
MOST_DENSE = 2500
# What a patch costs beside its unlikeness: the square difference of its blurred middle (sigma, pixels) and that of the
# first answer, by this weight, so that what is copied stays near what the first answer knows.
ANCHOR, ANCHOR_BLUR = 0.2, 2.0
# The first search compares all patches with at most so many known ones, drawn by chance.
MOST_SOURCES = 1500
# Later searches look this far around what was found, in pixels; two distances a round, in turn.
LOOKS = ((8, 2), (4, 1))
# A patch votes with exp(-cost / (KERNEL q)), q the 75th percentile of the costs.
KERNEL, PERCENTILE = 0.2, 0.75
# Of the vote in which the middle of a patch counts most: the Gaussian's width (sigma), in distances of patches.
SHARP = 0.5
# Costs are compared, and votes cast, for so many patches or pixels at once, which bounds memory.
CHUNK = 2048
LEAST = 1e-6


@dataclass(frozen=True)
class Lattice:
    """Where patches are, in a picture that was padded by `RADIUS` on all sides; pixels are flat indices (long).

    Attributes
    ----------
    shape : (int, int)
        Height and width of the padded picture, H and W.
    hole : torch.Tensor (M,)
        Pixels to be filled.
    targets : torch.Tensor (N,)
        Middles of the patches that a source is found for: every `step`-th pixel.
    sources : torch.Tensor bool (H * W,)
        True = middle of a patch that is wholly known.
    trust : torch.Tensor float32 (H * W,)
        1 for known pixels, less in the hole, 0 in the padding.
    weights : torch.Tensor float32 (N, AREA)
        Of the pixels of targets; each row sums to 1.
    offsets : torch.Tensor (AREA,)
        From a patch's middle to its pixels.
    step : int
    """

    shape: tuple[int, int]
    hole: torch.Tensor
    targets: torch.Tensor
    sources: torch.Tensor
    trust: torch.Tensor
    weights: torch.Tensor
    offsets: torch.Tensor
    step: int

    @classmethod
    def of(cls, mask: np.ndarray, known: np.ndarray, device: torch.device) -> "Lattice":
        """Lay patches over a hole.

        Parameters
        ----------
        mask, known : ndarray (h, w) bool
            True = to be filled; True = may be copied from.
        device : torch.device
        """
        hole, distance = np.pad(mask, RADIUS), cv2.distanceTransform(np.uint8(np.pad(mask, RADIUS)), cv2.DIST_L2, 5)
        trust = np.pad(TRUST ** -distance[RADIUS:-RADIUS, RADIUS:-RADIUS], RADIUS)
        whole = cv2.erode(np.uint8(np.pad(known & ~mask, RADIUS)), np.ones((SIDE, SIDE), np.uint8)) > 0
        targets, step = _targets(hole)
        # To tensors: flat indices, in the order of rows.
        flat = [torch.from_numpy(np.flatnonzero(part)).to(device) for part in (hole, targets)]
        rows, columns = np.mgrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1]
        offsets = torch.from_numpy((rows * hole.shape[1] + columns).reshape(-1)).to(device)
        confidence = torch.from_numpy(trust.astype(np.float32).reshape(-1)).to(device)
        weights = confidence[flat[1][:, None] + offsets]
        weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=LEAST)
        sources = torch.from_numpy(whole.reshape(-1)).to(device)
        return cls(hole.shape, flat[0], flat[1], sources, confidence, weights, offsets, step)

    @property
    def width(self) -> int:
        return self.shape[1]

    def place(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return rows and columns of flat indices, without the padding."""
        return pixels // self.width - RADIUS, pixels % self.width - RADIUS

    def index(self, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        """Return flat indices; what lies outside is brought to the border."""
        rows, columns = (rows + RADIUS).clamp(0, self.shape[0] - 1), (columns + RADIUS).clamp(0, self.shape[1] - 1)
        return rows * self.width + columns


def _targets(hole: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the middles of the patches that overlap a padded hole (H, W) bool, and their distance."""
    over = _inner(_grown(hole, RADIUS))
    if over.sum() <= MOST_DENSE:
        return over, 1
    every = np.zeros_like(hole)
    every[RADIUS::2, RADIUS::2] = True
    return _inner(_grown(hole, RADIUS + 1)) & every, 2


def _grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * pixels + 1,) * 2, np.uint8)) > 0


def _inner(mask: np.ndarray) -> np.ndarray:
    """Return what lies inside the padding."""
    inner = np.zeros_like(mask)
    inner[RADIUS:-RADIUS, RADIUS:-RADIUS] = mask[RADIUS:-RADIUS, RADIUS:-RADIUS]
    return inner


class PatchField:
    """A picture, and for every target of its lattice a source and how unlike the two are.

    Parameters
    ----------
    picture : torch.Tensor float32 (h, w, 3), 0..255
        With a first answer in the hole.
    lattice : Lattice
    generator : torch.Generator
        On the CPU; of all that is drawn by chance.
    """

    def __init__(self, picture: torch.Tensor, lattice: Lattice, generator: torch.Generator):
        self.lattice, self.generator = lattice, generator
        channels = torch.nn.functional.pad(picture.permute(2, 0, 1)[None], (RADIUS,) * 4, mode="replicate")[0]
        self.colours = channels.permute(1, 2, 0).reshape(-1, 3).contiguous()
        self.features = _features(channels)
        self.blurred = _blurred(channels)
        self.source = torch.full((len(self.colours),), -1, dtype=torch.long, device=picture.device)
        self.cost = torch.zeros(len(lattice.targets), device=picture.device)
        self._beside = self._pixels_beside()
        self._own = self._patches(lattice.targets)

    def _pixels_beside(self) -> torch.Tensor:
        """Return the pixels whose gradients the hole has a part in."""
        hole = torch.zeros(self.lattice.shape, device=self.colours.device)
        hole.view(-1)[self.lattice.hole] = 1
        return torch.nn.functional.max_pool2d(hole[None], 3, 1, 1)[0].view(-1).nonzero()[:, 0]

    def _patches(self, middles: torch.Tensor) -> torch.Tensor:
        """Return the features of patches, (N, AREA * FEATURES)."""
        pixels = (middles[:, None] + self.lattice.offsets).view(-1)
        return self.features.index_select(0, pixels).view(len(middles), -1)

    def start(self) -> None:
        """Find for every target the most similar of some sources."""
        sources = self.lattice.sources.nonzero()[:, 0]
        chosen = torch.randperm(len(sources), generator=self.generator)[:MOST_SOURCES]
        sources = sources[chosen.to(sources.device)]
        patches = self._patches(sources)
        squares = patches.square().view(-1, AREA, FEATURES).sum(dim=2)
        for part in torch.arange(len(self.cost), device=sources.device).split(CHUNK):
            weights, own = self.lattice.weights[part], self._own[part]
            weighted = (own.view(-1, AREA, FEATURES) * weights[..., None]).view(len(own), -1)
            unlike = weights @ squares.T - 2 * (weighted @ patches.T)
            unlike += ANCHOR * torch.cdist(self.blurred[self.lattice.targets[part]], self.blurred[sources]).square()
            self.source[self.lattice.targets[part]] = sources[unlike.argmin(dim=1)]
        self._measure()

    def start_from(self, coarser: "PatchField") -> None:
        """Take the sources of a field at half the scale."""
        rows, columns = self.lattice.place(self.lattice.targets)
        coarse, step = coarser.lattice, coarser.lattice.step
        middle = coarse.index(rows // (2 * step) * step, columns // (2 * step) * step)
        (own_rows, own_columns), (from_rows, from_columns) = coarse.place(middle), coarse.place(coarser.source[middle])
        found = self.lattice.index(rows + 2 * (from_rows - own_rows), columns + 2 * (from_columns - own_columns))
        wrong = ~self.lattice.sources[found]
        if wrong.any():
            sources = self.lattice.sources.nonzero()[:, 0]
            found[wrong] = sources[self._draw(0, len(sources), int(wrong.sum()))]
        self.source[self.lattice.targets] = found
        self._measure()

    def _draw(self, low: int, high: int, count: int) -> torch.Tensor:
        return torch.randint(low, high, (count,), generator=self.generator).to(self.source.device)

    def _measure(self) -> None:
        everyone = torch.arange(len(self.cost), device=self.source.device)
        self.cost = self._unlike(everyone, self.source[self.lattice.targets])

    def _unlike(self, which: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
        """Return how unlike some targets, by number, and sources are: mean square difference and anchor, (N,)."""
        found = []
        for part, source in zip(which.split(CHUNK), sources.split(CHUNK), strict=True):
            difference = self._patches(source).sub_(self._own[part]).square_()
            unlike = (difference.view(-1, AREA, FEATURES).sum(dim=2) * self.lattice.weights[part]).sum(dim=1)
            away = (self.blurred[source] - self.blurred[self.lattice.targets[part]]).square().sum(dim=1)
            found.append(unlike + ANCHOR * away)
        return torch.cat(found)

    def search(self, looks: tuple[int, ...]) -> None:
        """Let every target try the sources of its neighbours, and some around its own up to `looks` pixels away."""
        targets, step = self.lattice.targets, self.lattice.step
        for shift in (step, -step, step * self.lattice.width, -step * self.lattice.width):
            neighbour = self.source[targets + shift]
            self._offer(neighbour - shift, neighbour >= 0)
        for reach in looks:
            rows, columns = self.lattice.place(self.source[targets])
            rows = rows + self._draw(-reach, reach + 1, len(targets))
            columns = columns + self._draw(-reach, reach + 1, len(targets))
            self._offer(self.lattice.index(rows, columns), torch.ones_like(targets, dtype=torch.bool))

    def _offer(self, sources: torch.Tensor, usable: torch.Tensor) -> None:
        """Take the sources (N,) that are better than those of the targets."""
        sources = sources.clamp(0, len(self.source) - 1)
        usable = usable & self.lattice.sources[sources] & (sources != self.source[self.lattice.targets])
        which = usable.nonzero()[:, 0]
        if not len(which):
            return
        cost = self._unlike(which, sources[which])
        better = cost < self.cost[which]
        chosen = which[better]
        self.cost[chosen] = cost[better]
        self.source[self.lattice.targets[chosen]] = sources[chosen]

    def vote(self, sharp: bool = False) -> None:
        """Paint the hole by the votes of all patches that cover a pixel; if `sharp`, by those around it most of all."""
        ballots = self._ballots()
        offsets, where = self.lattice.offsets, torch.arange(AREA, device=self.source.device)
        away = ((where // SIDE - RADIUS) ** 2 + (where % SIDE - RADIUS) ** 2).float()
        share = torch.exp(-away / (2 * (SHARP * self.lattice.step) ** 2)) if sharp else torch.ones_like(away)
        for pixels in self.lattice.hole.split(CHUNK):
            middles = pixels[:, None] - offsets  # (n, AREA): of the patches that cover a pixel
            weights = ballots[middles] * share
            votes = self.colours[(self.source[middles] + offsets).clamp(min=0)]
            total = weights.sum(dim=1, keepdim=True).clamp(min=LEAST**2)
            self.colours[pixels] = (votes * weights[..., None]).sum(dim=1) / total

    def _ballots(self) -> torch.Tensor:
        """Return the weight of the patch around every pixel, (H * W,); 0 where there is none."""
        bound = self.cost.kthvalue(max(1, int(PERCENTILE * len(self.cost)))).values.clamp(min=LEAST)
        kernel = torch.exp(-(self.cost - self.cost.min()) / (KERNEL * bound)) + LEAST
        ballots = torch.zeros(len(self.source), device=self.source.device)
        ballots[self.lattice.targets] = kernel * self.lattice.trust[self.lattice.targets]
        return ballots

    def look(self) -> None:
        """See the picture as the last vote painted it."""
        pixels, width = self._beside, self.lattice.width
        luminance = torch.tensor(LUMINANCE, dtype=torch.float32, device=self.source.device)
        self.features[:, :3][self.lattice.hole] = self.colours[self.lattice.hole]
        self.features[pixels, 3] = (self.colours[pixels + 1] - self.colours[pixels - 1]) @ luminance
        self.features[pixels, 4] = (self.colours[pixels + width] - self.colours[pixels - width]) @ luminance
        self._own = self._patches(self.lattice.targets)
        self._measure()

    def picture(self) -> torch.Tensor:
        """Return the picture with the filled hole, float32 (h, w, 3)."""
        height, width = self.lattice.shape
        return self.colours.view(height, width, 3)[RADIUS : height - RADIUS, RADIUS : width - RADIUS]


def _blurred(channels: torch.Tensor) -> torch.Tensor:
    """Return a padded picture (3, H, W) blurred, (H * W, 3)."""
    picture = np.ascontiguousarray(channels.permute(1, 2, 0).cpu().numpy())
    return torch.from_numpy(cv2.GaussianBlur(picture, (0, 0), ANCHOR_BLUR)).to(channels.device).view(-1, 3)


def _features(channels: torch.Tensor) -> torch.Tensor:
    """Return the features (H * W, FEATURES) of a padded picture (3, H, W)."""
    luminance = torch.tensor(LUMINANCE, dtype=torch.float32, device=channels.device)
    brightness = torch.einsum("c,chw->hw", luminance, channels)
    across, down = torch.zeros_like(brightness), torch.zeros_like(brightness)
    across[:, 1:-1] = brightness[:, 2:] - brightness[:, :-2]
    down[1:-1] = brightness[2:] - brightness[:-2]
    return torch.stack([*channels, across, down], dim=-1).view(-1, FEATURES)
