"""What the tests of prepared data share."""

import pytest

from svhn.data.prepare import prepare_data
from svhn.data.prepared import PreparedData


@pytest.fixture(scope="session")
def prepared(written_tiny_svhn) -> PreparedData:
    """What is made of `tiny_svhn`; its pixels and labels cannot be written to, because tests share them."""
    data = prepare_data(written_tiny_svhn.folder)
    for split in data.splits.values():
        for values in vars(split).values():
            if values is not None:
                values.setflags(write=False)
    return data
