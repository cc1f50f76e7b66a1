"""Protocol 4: can boosted trees tell a fill from the true background in the same hole?"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from benchmarks.removal.fills import Filled
from benchmarks.removal.holes import KINDS
from benchmarks.removal.scores import table
from svhn.torch_inpaint.removal import widen

SCALES = (0.7, 1.5, 3.0)
RING, FOLDS, DRAWS = 5, 5, 200
LEAST_HOLES = 40


def features(image: np.ndarray, mask: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Describe what lies in a mask, alone and against its surroundings, by local statistics.

    Parameters
    ----------
    image : ndarray (H, W, 3) uint8
    mask, known : ndarray (H, W) bool

    Returns
    -------
    ndarray (24,) float64
    """
    colours = image.astype(np.float32)
    gray = colours.mean(axis=2)
    ring = widen(mask, RING) & known & ~mask
    ring = ring if ring.sum() > 8 else ~mask
    residuals = [gray - cv2.GaussianBlur(gray, (0, 0), sigma) for sigma in SCALES]
    chroma = (colours[..., 0] - colours[..., 2]) - cv2.GaussianBlur(colours[..., 0] - colours[..., 2], (0, 0), 1.0)
    maps = [*(residual**2 for residual in residuals), chroma**2, _gradient(gray), np.abs(cv2.Laplacian(gray, -1))]
    found = [value for energy in maps for value in _against(energy, mask, ring)]
    codes = _local_binary(gray)
    for level in ((0, 8), (3, 4, 5)):
        share = np.isin(codes, level)
        found += [share[mask].mean(), share[mask].mean() - share[ring].mean()]
    found += [_lag(residuals[1], mask), _lag(residuals[1], mask) - _lag(residuals[1], ring)]
    inside = residuals[0][mask]
    found.append(np.mean((inside - inside.mean()) ** 4) / (inside.var() ** 2 + 1e-3))
    found += _border(colours, mask, ring)
    found.append(np.linalg.norm(colours[mask].mean(axis=0) - colours[ring].mean(axis=0)))
    found.append((gray[mask] == np.round(cv2.blur(gray, (3, 3)))[mask]).mean())
    return np.array(found, float)


def _against(energy: np.ndarray, mask: np.ndarray, ring: np.ndarray) -> tuple[float, float]:
    inside, around = np.log(energy[mask].mean() + 0.05), np.log(energy[ring].mean() + 0.05)
    return inside, inside - around


def _gradient(gray: np.ndarray) -> np.ndarray:
    return cv2.Sobel(gray, cv2.CV_32F, 1, 0) ** 2 + cv2.Sobel(gray, cv2.CV_32F, 0, 1) ** 2


def _local_binary(gray: np.ndarray) -> np.ndarray:
    """Count for every pixel its brighter neighbours, 0..8."""
    padded = np.pad(gray, 1, mode="edge")
    height, width = gray.shape
    shifts = [(y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1)]
    return sum((padded[y : y + height, x : x + width] > gray).astype(int) for y, x in shifts)


def _lag(residual: np.ndarray, mask: np.ndarray) -> float:
    """Return the correlation of neighbouring residuals."""
    both = mask[:, 1:] & mask[:, :-1], mask[1:] & mask[:-1]
    left = np.concatenate([residual[:, 1:][both[0]], residual[1:][both[1]]])
    right = np.concatenate([residual[:, :-1][both[0]], residual[:-1][both[1]]])
    return float((left * right).mean() / ((left**2).mean() / 2 + (right**2).mean() / 2 + 1e-3)) if len(left) else 0.0


def _border(colours: np.ndarray, mask: np.ndarray, ring: np.ndarray) -> list[float]:
    """Return steps and bends across the hole's border, against those beside it."""
    steps, bends, others = [], [], []
    for values, inside, beside in ((colours, mask, ring), (colours.swapaxes(0, 1), mask.T, ring.T)):
        step = np.abs(np.diff(values, axis=1)).mean(axis=2)
        bend = np.abs(np.diff(values, n=2, axis=1)).mean(axis=2)
        steps.append(step[inside[:, 1:] != inside[:, :-1]])
        bends.append(bend[(inside[:, 2:] != inside[:, 1:-1]) | (inside[:, :-2] != inside[:, 1:-1])])
        others.append(step[beside[:, 1:] & beside[:, :-1]])
    step, bend = np.log(np.concatenate(steps).mean() + 0.2), np.log(np.concatenate(bends).mean() + 0.2)
    other = np.log(np.concatenate([*others, [0.0]]).mean() + 0.2)
    return [step, step - other, bend - step]


def detectability(filled: Sequence[Filled], seed: int = 0) -> dict[str, Any]:
    """Return by kind of hole and method the AUC with a bootstrap interval; 0.5 is invisible."""
    report = {}
    for kind in KINDS:
        items = [item for item in filled if item.hole.kind == kind]
        if len(items) < LEAST_HOLES:
            continue
        true = np.array([features(item.hole.truth, item.hole.mask, item.hole.known) for item in items])
        groups = np.array([item.hole.group for item in items])
        report[kind] = {"holes": len(items), "features": true.shape[-1], "methods": {}}
        for name in (name for name in items[0].images if all(name in item.images for item in items)):
            fake = np.array([features(item.images[name], item.hole.mask, item.hole.known) for item in items])
            report[kind]["methods"][name] = told_apart(true, fake, groups, seed)
    return report


def told_apart(true: np.ndarray, fake: np.ndarray, groups: np.ndarray, seed: int) -> dict[str, float]:
    """Return the AUC of boosted trees, with a bootstrap interval; they judge the photos that they did not learn from.

    Parameters
    ----------
    true, fake : ndarray (N, 24) float64
        Features of the same N holes.
    groups : ndarray (N,) of str
        Their photos.
    seed : int
    """
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold

    samples, labels = np.concatenate([true, fake]), np.repeat([0, 1], len(true))
    photos = np.concatenate([groups, groups])
    judged = np.zeros(len(samples))
    for train, test in GroupKFold(FOLDS, shuffle=True, random_state=seed).split(samples, labels, photos):
        model = GradientBoostingClassifier(n_estimators=120, max_depth=3, subsample=0.7, random_state=seed)
        judged[test] = model.fit(samples[train], labels[train]).predict_proba(samples[test])[:, 1]
    rng, half = np.random.default_rng(seed), len(true)
    drawn = []
    for _ in range(DRAWS):
        index = rng.integers(half, size=half)
        index = np.concatenate([index, index + half])
        drawn.append(roc_auc_score(labels[index], judged[index]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"auc": float(roc_auc_score(labels, judged)), "low": float(low), "high": float(high)}


def detect_table(report: dict[str, Any], where: str) -> str:
    """Write the result of `detectability` as text."""
    if not report:
        return f"\n4. AUC fill / truth, {where}: fewer than {LEAST_HOLES} holes"
    names = next(iter(report.values()))["methods"]
    rows = []
    for name in names:
        cells = [part["methods"][name] for part in report.values()]
        rows.append((name, *(f"{cell['auc']:.3f} ({cell['low']:.3f}-{cell['high']:.3f})" for cell in cells)))
    counts = ", ".join(f"{part['holes']} {kind}" for kind, part in report.items())
    return table(f"4. AUC fill / truth, {where}: {counts} holes (95 % interval)", ("method", *report), rows)
