"""The fill on CUDA against the CPU: `python -m benchmarks.gpu --output benchmarks/records/gpu.json`.

Regions of 64 x 64 pixels from rendered photos with the digits as masks. The CPU fills a part of them and CUDA all,
both in batches through `svhn.torch_inpaint.removal.fill`, after a first batch that warms up. Without a CUDA device only
the CPU's rate is printed, and no record is written.
"""

import time
from pathlib import Path

import click
import numpy as np
import torch

from svhn.data.render import SyntheticSettings, render_photo
from svhn.runs import RunRecord
from svhn.torch_inpaint.removal import fill

SIDE, SCENES = 64, 200
SCENE = SyntheticSettings(size=(SIDE, SIDE), digit_height=(30.0, 44.0))
# Largest difference that counts as equal, in grey levels of 255.
TOLERANCE = 1e-4 * 255
PACKAGES = ("torch", "numpy")


def regions(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images float32 (count, 3, 64, 64), 0..255, and masks bool (count, 64, 64)."""
    scenes = [render_photo(seed, SCENE) for seed in range(min(count, SCENES))]
    images = np.stack([scene.photo for scene in scenes]).transpose(0, 3, 1, 2).astype(np.float32)
    masks = np.stack([scene.mask for scene in scenes])
    chosen = np.resize(np.arange(len(scenes)), count)
    return torch.from_numpy(images[chosen]), torch.from_numpy(masks[chosen])


def fill_all(images: torch.Tensor, masks: torch.Tensor, device: str, batch: int) -> tuple[torch.Tensor, float]:
    """Fill all regions on a device; return the pictures on the CPU, and regions per second with both transfers."""
    fill(images[:batch].to(device), masks[:batch].to(device), ~masks[:batch].to(device))
    _wait(device)
    began, filled = time.perf_counter(), []
    with torch.inference_mode():
        for start in range(0, len(images), batch):
            part, mask = (tensor[start : start + batch].to(device) for tensor in (images, masks))
            filled.append(fill(part, mask, ~mask).cpu())
    _wait(device)
    return torch.cat(filled), len(images) / (time.perf_counter() - began)


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


@click.command()
@click.option("--count", default=10_000, show_default=True, help="Regions on CUDA.")
@click.option("--cpu-count", default=320, show_default=True, help="Regions on the CPU, the first of them.")
@click.option("--batch", default=16, show_default=True, help="Regions in a batch on the CPU.")
@click.option("--cuda-batch", default=500, show_default=True)
@click.option("--threads", default=2, show_default=True, help="Of the CPU.")
@click.option("--output", type=click.Path(path_type=Path), help="Record to write.")
def main(count, cpu_count, batch, cuda_batch, threads, output):
    """Measure the fill; see the module's text."""
    torch.set_num_threads(threads)
    images, masks = regions(max(count, cpu_count) if torch.cuda.is_available() else cpu_count)
    on_cpu, cpu_rate = fill_all(images[:cpu_count], masks[:cpu_count], "cpu", batch)
    click.echo(f"CPU, {threads} threads: {cpu_rate:.0f} regions/s")
    if not torch.cuda.is_available():
        click.echo("no CUDA device: nothing to compare with, no record written")
        return
    on_cuda, cuda_rate = fill_all(images[:count], masks[:count], "cuda", cuda_batch)
    difference = float((on_cuda[:cpu_count] - on_cpu[:count]).abs().max())
    name, memory = torch.cuda.get_device_name(), torch.cuda.max_memory_allocated() / 2**30
    click.echo(f"{name}: {cuda_rate:.0f} regions/s, {cuda_rate / cpu_rate:.0f} times the CPU; {memory:.1f} GiB")
    click.echo(f"largest difference {difference:.5f} of 255 ({'equal' if difference < TOLERANCE else 'NOT equal'})")
    if output:
        settings = {"count": count, "cpu_count": cpu_count, "batch": batch, "cuda_batch": cuda_batch}
        record = RunRecord.new("benchmarks.gpu", settings | {"threads": threads}, {"source": "rendered"}, PACKAGES)
        record.metrics = {
            "device": name,
            "cpu_regions_per_second": cpu_rate,
            "cuda_regions_per_second": cuda_rate,
            "ratio": cuda_rate / cpu_rate,
            "largest_difference": difference,
            "cuda_gib": memory,
        }
        record.write(output)


if __name__ == "__main__":
    main()
