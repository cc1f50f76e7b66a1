"""A field of patches: for every patch that overlaps a hole the known patch that is most like it, at one scale.

A GRNN whose pattern layer holds patches in place of positions: a pixel of the hole is the kernel-weighted mean of what
the known patches have at its place that are most like the patches that cover it (Wexler, Shechtman and Irani,
"Space-time completion of video", IEEE PAMI 29(3), 2007). Patches are compared by colours and by gradients of the
brightness (Darabi and others, "Image melding", SIGGRAPH 2012), found by propagation and random search (Barnes and
others, "PatchMatch", SIGGRAPH 2009).
"""

import cv2
import numpy as np
import torch

from svhn.crops import LUMINANCE
from svhn.torch_inpaint.removal.blur import normalised_blur
from svhn.torch_inpaint.removal.fills.lattice import AREA, LEAST, RADIUS, SIDE, Lattice
from svhn.torch_inpaint.removal.fills.texture import with_texture

# Of a pixel: three colours, two gradients.
FEATURES = 5
# What a patch costs beside its unlikeness: the square difference of its blurred middle (sigma, pixels) and that of the
# first answer, by this weight, so that what is copied stays near what the first answer knows; and the square difference
# of its texture's strength and what is expected, by that weight, since smooth patches are most like a smooth answer.
ANCHOR, ANCHOR_BLUR, TEXTURE_WEIGHT = 0.6, 2.0, 2.0
# The first search compares all patches with at most so many known ones, drawn by chance.
MOST_SOURCES = 1500
# Later searches look this far around what was found, in pixels; two distances a round, in turn.
LOOKS = ((8, 2), (4, 1))
# A patch votes with exp(-cost / (KERNEL q)), q the 75th percentile of the costs.
KERNEL, PERCENTILE = 0.1, 0.75
# Of the vote in which the middle of a patch counts most: the Gaussian's width (sigma), in distances of patches.
SHARP = 0.35
# Known pixels so near to the hole are voted for, too; what the votes miss there is carried on into the hole, so far
# (sigma, pixels), and fades with this weight of "nothing is missing".
BESIDE, CARRY, NOTHING_MISSING = 2, 1.5, 0.1
# Around a hole its texture is seen so far, in pixels.
MARGIN = 8
# Costs are compared, and votes cast, for so many patches or pixels at once, which bounds memory.
CHUNK = 2048
# Deep inside a hole all votes together weigh little, but no less than this.
LEAST_VOTES = 1e-30


class PatchField:
    """A picture, and for every target of its lattice a source and how unlike the two are.

    Parameters
    ----------
    picture : torch.Tensor float32 (h, w, 3), 0..255
        With a first answer in the hole.
    lattice : Lattice
    generator : torch.Generator
        On the CPU; of all that is drawn by chance.
    expected : ndarray float32 (h, w)
        How strong texture is, and shall be in the hole; see `expected_texture`.
    """

    def __init__(self, picture: torch.Tensor, lattice: Lattice, generator: torch.Generator, expected: np.ndarray):
        self.lattice, self.generator, self.expected = lattice, generator, expected
        channels = torch.nn.functional.pad(picture.permute(2, 0, 1)[None], (RADIUS,) * 4, mode="replicate")[0]
        self.colours = channels.permute(1, 2, 0).reshape(-1, 3).contiguous()
        self.features = _features(channels)
        self.traits = _traits(channels, expected)
        self.source = torch.full((len(self.colours),), -1, dtype=torch.long, device=picture.device)
        self.cost = torch.zeros(len(lattice.targets), device=picture.device)
        self._hole = self._spread(lattice.hole, torch.ones(len(lattice.hole), 1, device=picture.device))[..., 0] > 0
        self._beside = self._pixels_within(1)  # the hole has a part in their gradients
        self._own = self._patches(lattice.targets)

    def _pixels_within(self, pixels: int, known: bool = False) -> torch.Tensor:
        """Return the pixels of the hole and so far around it, if `known` without the hole and the padding."""
        hole = torch.zeros(self.lattice.shape, device=self.colours.device)
        hole.view(-1)[self.lattice.hole] = 1
        near = torch.nn.functional.max_pool2d(hole[None], 2 * pixels + 1, 1, pixels)[0] > 0
        if known:
            near &= hole == 0
            near[:RADIUS] = near[-RADIUS:] = False
            near[:, :RADIUS] = near[:, -RADIUS:] = False
        return near.view(-1).nonzero()[:, 0]

    def _patches(self, middles: torch.Tensor) -> torch.Tensor:
        """Return the features of the compared pixels of patches, (N, C * FEATURES)."""
        pixels = (middles[:, None] + self.lattice.compared).view(-1)
        return self.features.index_select(0, pixels).view(len(middles), -1)

    def start(self) -> None:
        """Find for every target the most similar of some sources."""
        sources = self.lattice.sources.nonzero()[:, 0]
        chosen = torch.randperm(len(sources), generator=self.generator)[:MOST_SOURCES]
        sources = sources[chosen.to(sources.device)]
        patches = self._patches(sources)
        squares = patches.square().view(len(patches), -1, FEATURES).sum(dim=2)
        for part in torch.arange(len(self.cost), device=sources.device).split(CHUNK):
            weights, own = self.lattice.weights[part], self._own[part]
            weighted = (own.view(len(own), -1, FEATURES) * weights[..., None]).view(len(own), -1)
            unlike = weights @ squares.T - 2 * (weighted @ patches.T)
            unlike += ANCHOR * torch.cdist(self.traits[self.lattice.targets[part]], self.traits[sources]).square()
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
            unlike = (
                difference.view(*self.lattice.weights[part].shape, FEATURES).sum(dim=2) * self.lattice.weights[part]
            ).sum(dim=1)
            away = (self.traits[source] - self.traits[self.lattice.targets[part]]).square().sum(dim=1)
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
        colours, _ = self._votes(self.lattice.hole, sharp)
        self.colours[self.lattice.hole] = colours
        self._strengthen()

    def carry_on(self) -> None:
        """Carry on into the hole what a sharp vote misses of the known pixels beside it."""
        beside = self._pixels_within(BESIDE, known=True)
        true, (voted, total) = self.colours[beside], self._votes(beside, sharp=True)
        missing = torch.where(total > LEAST**2, true - voted, 0)
        weight = self._spread(beside, (total > LEAST**2).float())[..., 0]
        carried = normalised_blur(self._spread(beside, missing), weight, CARRY, prior_weight=NOTHING_MISSING)
        self.colours += torch.from_numpy(np.where(self._hole[..., None], carried, 0).reshape(-1, 3)).to(missing.device)

    def _votes(self, pixels: torch.Tensor, sharp: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean of the votes for pixels (N,), (N, 3), and their weight, (N, 1)."""
        ballots, offsets = self._ballots(), self.lattice.offsets
        where = torch.arange(AREA, device=self.source.device)
        away = ((where // SIDE - RADIUS) ** 2 + (where % SIDE - RADIUS) ** 2).float()
        share = torch.exp(-away / (2 * (SHARP * self.lattice.step) ** 2)) if sharp else torch.ones_like(away)
        colours, totals = torch.zeros(len(pixels), 3).to(pixels.device), torch.zeros(len(pixels), 1).to(pixels.device)
        for which, leads in self.lattice.covering(pixels):
            for part in which.split(CHUNK):
                # (n, C): of the patches that cover a pixel
                middles = (pixels[part][:, None] - offsets[leads]).clamp(0, len(self.source) - 1)
                weights = ballots[middles] * share[leads]
                votes = self.colours[(self.source[middles] + offsets[leads]).clamp(0, len(self.source) - 1)]
                totals[part] = weights.sum(dim=1, keepdim=True)
                colours[part] = torch.einsum("ncd,nc->nd", votes, weights) / totals[part].clamp(min=LEAST_VOTES)
        return colours, totals

    def _strengthen(self) -> None:
        """Give back the texture that votes lose."""
        rows, columns = (slice(int(part.min()), int(part.max()) + 1) for part in self.lattice.place(self.lattice.hole))
        around = tuple(slice(max(0, part.start - MARGIN), part.stop + MARGIN) for part in (rows, columns))
        inner = (slice(RADIUS, -RADIUS),) * 2
        part = np.ascontiguousarray(self.picture()[around].cpu().numpy())
        stronger = with_texture(part, self._hole[inner][around], self.expected[around])
        self.picture()[around] = torch.from_numpy(stronger).to(self.colours.device)

    def _spread(self, pixels: torch.Tensor, values: torch.Tensor) -> np.ndarray:
        """Put values (N, C) where pixels are in the padded picture, (H, W, C) float32; zeros elsewhere."""
        plane = torch.zeros(len(self.source), values.shape[1], device=values.device)
        plane[pixels] = values
        return plane.view(*self.lattice.shape, -1).cpu().numpy()

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


def _traits(channels: torch.Tensor, expected: np.ndarray) -> torch.Tensor:
    """Return the blurred colours of a padded picture (3, H, W) and the strength of its fine texture, (H * W, 4)."""
    picture = np.ascontiguousarray(channels.permute(1, 2, 0).cpu().numpy())
    blurred = cv2.GaussianBlur(picture, (0, 0), ANCHOR_BLUR)
    strength = np.sqrt(TEXTURE_WEIGHT / ANCHOR) * np.pad(expected, RADIUS, mode="edge")
    traits = np.dstack([blurred, strength]).astype(np.float32)
    return torch.from_numpy(traits).to(channels.device).view(-1, 4)


def _features(channels: torch.Tensor) -> torch.Tensor:
    """Return the features (H * W, FEATURES) of a padded picture (3, H, W)."""
    luminance = torch.tensor(LUMINANCE, dtype=torch.float32, device=channels.device)
    brightness = torch.einsum("c,chw->hw", luminance, channels)
    across, down = torch.zeros_like(brightness), torch.zeros_like(brightness)
    across[:, 1:-1] = brightness[:, 2:] - brightness[:, :-2]
    down[1:-1] = brightness[2:] - brightness[:-2]
    return torch.stack([*channels, across, down], dim=-1).view(-1, FEATURES)
