"""Names that were importable before the rooms of `svhn.data`."""

from svhn.data import digit_struct, formats


def test_digit_struct_is_importable_from_its_former_place():
    for name in digit_struct.__all__:
        assert getattr(digit_struct, name) is getattr(formats, name)
    assert "DigitStruct" in digit_struct.__all__
