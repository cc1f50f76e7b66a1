"""What a job's result depends on besides the photos and their boxes; a later job compares it."""

import dataclasses
import hashlib
import json
from pathlib import Path

from svhn import __version__
from svhn.checkpoints import find_model
from svhn.files import sha256
from svhn.finder import network_files, reader_version
from svhn.jobs.config import JobConfig
from svhn.jobs.looking import looks_with
from svhn.torch_inpaint.removal import FILLS, KEY_PIXELS


def used_networks(job: JobConfig) -> dict[str, list[Path]]:
    """Return the files of the networks that a job can use, by what they are there for.

    The finder counts whenever the job has one, since what it is asked depends on the photo and on the boxes beside it;
    a strict job without one looks with the shipped finder.

    Raises
    ------
    InputError
        When one of them is missing.
    """
    fill, key_pixels = job.removal.fill, job.removal.key_pixels
    methods = {
        "fill": FILLS[fill.method].weights(fill),
        "key_pixels": KEY_PIXELS[key_pixels.method].weights(key_pixels),
    }
    finder = looks_with(job)[0] if job.strict else job.finder
    return {
        "classifier": [find_model(job.model).path],
        "finder": network_files(finder) if finder is not None else [],
        **{use: [find_model(name).path for name in names] for use, names in methods.items()},
    }


def describe_settings(job: JobConfig) -> str:
    """Return all settings that decide what becomes of a photo, with the hashes of the networks, as text.

    It reads every network, so a worker asks once.
    """
    settings = {
        "version": __version__,
        "removal": dataclasses.asdict(job.removal),
        "strict": job.strict,
        "with_letters": job.with_letters,
        "nothing_found": job.nothing_found,
        "min_confidence": job.min_confidence,
        "text_reader": "" if job.text_reader == "none" else reader_version(),
        "metadata": job.photo.kept,
        "scope": str(job.scope),
        "runs_networks": reader_version(),  # which comes with ONNX Runtime, see `svhn.finder.networks`
        "networks": {use: [sha256(path) for path in paths] for use, paths in used_networks(job).items()},
    }
    return json.dumps(settings, sort_keys=True)


def short_hash(settings: str, digits: str) -> str:
    """Return 16 hexadecimal digits that change with the settings and with what says where the digits are."""
    return hashlib.sha256(f"{settings}\n{digits}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
