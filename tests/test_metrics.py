"""Measures against hand-made values and naive loops."""

import json

import numpy as np
import pytest

from svhn.metrics import accuracy_interval, classification_report, confusion_matrix, psnr, ssim


@pytest.fixture
def picture():
    rng = np.random.default_rng(1)
    return np.clip(128 + np.cumsum(rng.normal(0, 12, (24, 30)), axis=1), 0, 255).astype(np.uint8)


@pytest.fixture
def noisy(picture):
    return np.clip(picture + np.random.default_rng(2).normal(0, 10, picture.shape), 0, 255).astype(np.uint8)


def naive_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Wang et al. 2004 with an 11 x 11 window, pixel by pixel; edges mirrored."""
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    x, y = (np.pad(image.astype(float), 5, mode="symmetric") for image in (x, y))
    values = []
    for i in range(x.shape[0] - 10):
        for j in range(x.shape[1] - 10):
            a, b = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            var_a, var_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
            shared = (window * (a - mean_a) * (b - mean_b)).sum()
            top = (2 * mean_a * mean_b + 6.5025) * (2 * shared + 58.5225)
            values.append(top / ((mean_a**2 + mean_b**2 + 6.5025) * (var_a + var_b + 58.5225)))
    return float(np.mean(values))


def test_confusion_counts_true_rows_and_predicted_columns():
    labels, predictions = [0, 0, 1, 9, 9, 9], [0, 3, 1, 9, 0, 0]
    expected = np.zeros((10, 10), int)
    for label, prediction in zip(labels, predictions, strict=True):
        expected[label, prediction] += 1
    np.testing.assert_array_equal(confusion_matrix(labels, predictions), expected)


@pytest.mark.parametrize(("labels", "predictions"), [([10], [0]), ([0], [10]), ([-1], [3])])
def test_labels_out_of_range_are_refused_not_miscounted(labels, predictions):
    with pytest.raises(ValueError, match=r"0\.\.9"):
        confusion_matrix(labels, predictions)


def test_wilson_interval():
    assert accuracy_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert accuracy_interval(915, 1000) == pytest.approx((0.8961, 0.9307), abs=1e-4)
    assert accuracy_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("n", [1, 10, 26_032])
def test_interval_stays_between_0_and_1_and_holds_the_accuracy(n):
    for correct in (0, n // 2, n):
        low, high = accuracy_interval(correct, n)
        assert -1e-12 <= low <= correct / n + 1e-12
        assert correct / n - 1e-12 <= high <= 1 + 1e-12


def naive_scores(labels: np.ndarray, predictions: np.ndarray, digit: int) -> list[float]:
    """Precision, recall, F1 and support of one digit by their definitions."""
    hits = sum(label == said == digit for label, said in zip(labels, predictions, strict=True))
    precision, recall = hits / (predictions == digit).sum(), hits / (labels == digit).sum()
    return [precision, recall, 2 * precision * recall / (precision + recall), (labels == digit).sum()]


def test_report_equals_the_definitions():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 500)
    predictions = np.where(rng.random(500) < 0.8, labels, rng.integers(0, 10, 500))
    report = classification_report(labels, predictions)
    for digit, row in enumerate(report["per_class"]):
        values = [row[column] for column in ("precision", "recall", "f1", "support")]
        assert values == pytest.approx(naive_scores(labels, predictions, digit))
    assert report["accuracy"] == pytest.approx((labels == predictions).mean())
    assert report["n"] == 500
    assert [row["digit"] for row in report["per_class"]] == list(range(10))
    assert json.loads(json.dumps(report))["confusion"] == confusion_matrix(labels, predictions).tolist()


def test_report_of_missing_classes_has_zeros_and_no_warning(recwarn):
    report = classification_report(np.array([1, 1]), np.array([1, 2]))
    assert report["per_class"][1]["recall"] == 0.5
    assert report["per_class"][0] == {"digit": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    assert not recwarn.list


def test_report_of_nothing():
    report = classification_report(np.array([], int), np.array([], int))
    assert (report["accuracy"], report["n"]) == (0.0, 0)
    assert report["per_class"][9] == {"digit": 9, "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    assert report["confusion"] == [[0] * 10] * 10


def test_psnr_of_known_errors():
    black, white = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)
    assert psnr(black, black) == float("inf")
    assert psnr(black, white) == pytest.approx(0.0)
    assert psnr(black, black + 1) == psnr(black + 1, black) == pytest.approx(48.1308, abs=1e-4)


def test_psnr_over_a_mask_sees_only_the_mask():
    image, mask = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), bool)
    mask[:2] = True
    other = image.copy()
    other[4:] = 200
    assert psnr(image, other, mask) == float("inf")
    assert psnr(image, other, ~mask) < psnr(image, other) + 3


def test_ssim_of_a_picture_with_itself_is_one(picture):
    assert ssim(picture, picture) == pytest.approx(1.0)


def test_ssim_is_symmetric_and_below_one(picture, noisy):
    assert ssim(picture, noisy) == pytest.approx(ssim(noisy, picture))
    assert ssim(picture, noisy) < 1.0


def test_ssim_equals_the_naive_double_loop(picture, noisy):
    assert ssim(picture, noisy) == pytest.approx(naive_ssim(picture, noisy), abs=1e-9)


def test_ssim_of_flat_pictures_compares_only_their_levels():
    a, b = np.full((16, 16), 100, np.uint8), np.full((16, 16), 150, np.uint8)
    expected = (2 * 100 * 150 + 6.5025) / (100**2 + 150**2 + 6.5025)
    assert ssim(a, b) == pytest.approx(expected)


def test_ssim_falls_with_noise_and_turns_negative_for_the_inverse(picture):
    noise = np.random.default_rng(5).normal(0, 1, picture.shape)
    values = [ssim(picture, np.clip(picture + s * noise, 0, 255).astype(np.uint8)) for s in (0, 5, 15, 40)]
    assert values == sorted(values, reverse=True)
    checks = (np.indices((24, 24)).sum(axis=0) % 2 * 200 + 20).astype(np.uint8)
    assert ssim(checks, 240 - checks) < -0.9


def test_ssim_of_colours_is_the_mean_of_the_channels(picture, noisy):
    a, b = np.stack([picture, noisy, picture], axis=2), np.stack([picture, picture, noisy], axis=2)
    channels = [ssim(a[..., c], b[..., c]) for c in range(3)]
    assert ssim(a, b) == pytest.approx(np.mean(channels))


def test_ssim_over_a_mask_sees_only_its_surroundings(picture):
    changed, mask = picture.copy(), np.zeros(picture.shape, bool)
    changed[:, :5] = 255 - changed[:, :5]
    mask[:, 20:] = True
    assert ssim(picture, changed, mask) == pytest.approx(1.0)
    assert ssim(picture, changed, ~mask) < 0.9
