"""Colour profiles keep their colours and lose everything else."""

import io
from typing import cast

import pytest
from PIL import Image, ImageCms

from imagerouter_mcp.images.pixels.colour_profiles import colours_only

SECRET = b"s3cret-" + b"k" * 57


def standard() -> bytes:
    made: object = ImageCms.createProfile("sRGB")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - Pillow does not say
    return ImageCms.ImageCmsProfile(cast("ImageCms.ImageCmsProfile", made)).tobytes()


def with_tag(profile: bytes, name: bytes, data: bytes) -> bytes:
    """The profile with one more tag."""
    count = int.from_bytes(profile[128:132], "big")
    table, body = profile[132 : 132 + 12 * count], profile[132 + 12 * count :]
    moved = b"".join(
        entry[:4] + (int.from_bytes(entry[4:8], "big") + 12).to_bytes(4, "big") + entry[8:]
        for entry in (table[at : at + 12] for at in range(0, len(table), 12))
    )
    more = name + (len(profile) + 12).to_bytes(4, "big") + len(data).to_bytes(4, "big")
    whole = profile[4:128] + (count + 1).to_bytes(4, "big") + moved + more + body + data
    return (len(whole) + 4).to_bytes(4, "big") + whole


def through(profile: bytes) -> bytes:
    """Colours of many sorts, from the profile to Lab."""
    picture = Image.merge("RGB", [Image.linear_gradient("L").rotate(angle) for angle in (0, 90, 180)])
    lab: object = ImageCms.createProfile("LAB")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - as above
    made = ImageCms.profileToProfile(
        picture,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        cast("ImageCms.ImageCmsProfile", lab),
        outputMode="LAB",
    )
    assert made
    return made.tobytes()


def test_the_colours_are_the_same() -> None:
    kept = colours_only(standard())
    assert through(kept) == through(standard())
    assert colours_only(kept) == kept


def test_a_curve_of_many_points_is_kept_in_whole() -> None:
    points = [65535 * number**2 // 255**2 for number in range(256)]
    curve = (
        b"curv" + bytes(4) + len(points).to_bytes(4, "big") + b"".join(p.to_bytes(2, "big") for p in points)
    )
    profile = with_tag(standard().replace(b"rTRC", b"xTRC", 1), b"rTRC", curve)
    assert through(profile) != through(standard())
    assert through(colours_only(profile)) == through(profile)


@pytest.mark.parametrize("name", [b"desc", b"cprt", b"dmnd", b"meta", b"tech", b"vcgt", b"s3cr", b"lumi"])
def test_what_is_no_colour_is_gone(name: bytes) -> None:
    profile = with_tag(standard(), name, b"text\0\0\0\0" + SECRET)
    assert SECRET in profile
    assert colours_only(profile) == colours_only(standard())


def test_what_is_appended_or_stands_in_the_header_is_gone() -> None:
    profile = standard()
    marked = profile[:80] + SECRET[:48] + profile[128:] + SECRET
    assert colours_only(marked) == colours_only(profile)


@pytest.mark.parametrize("data", [b"curv\0\0\0\0\0\0\0\1" + SECRET, b"XYZ \0\0\0\0" + bytes(12) + SECRET])
def test_a_tag_has_the_length_of_its_type(data: bytes) -> None:
    assert SECRET[8:] not in colours_only(with_tag(standard(), b"bkpt", data))


@pytest.mark.parametrize(
    "data", [b"", b"x" * 16 + b"RGB " + SECRET, SECRET * 9, standard()[:200], standard()[:128] + bytes(4)]
)
def test_what_is_no_profile_is_dropped(data: bytes) -> None:
    assert colours_only(data) == b""


@pytest.mark.parametrize(("kind", "parameters"), [(4, 7), (5, 0)])
def test_a_curve_is_kept_where_its_function_is_known(kind: int, parameters: int) -> None:
    curve = b"para" + bytes(4) + kind.to_bytes(2, "big") + bytes(2) + b"\0\1\0\0" * parameters
    profile = with_tag(standard().replace(b"rTRC", b"xTRC", 1), b"rTRC", curve + SECRET)
    kept = colours_only(profile)
    assert (curve in kept) == bool(parameters)
    assert SECRET not in kept


def test_reserved_bytes_of_a_tag_are_cleared() -> None:
    assert b"SECR" not in colours_only(with_tag(standard(), b"bkpt", b"XYZ SECR" + bytes(12)))


def test_a_profile_of_more_than_four_mebibytes_is_dropped() -> None:
    assert colours_only(standard() + bytes(4 << 20)) == b""


def test_a_table_keeps_its_whole_grid() -> None:
    grid = b"mft1\0\0\0\0\3\3\2\0" + bytes(36) + bytes(range(256)) * 3 + bytes(24) + bytes(range(256)) * 3
    kept = colours_only(with_tag(standard(), b"A2B0", grid + SECRET))
    assert grid in kept
    assert SECRET not in kept


def test_a_table_of_16_bits_keeps_its_whole_grid() -> None:
    sizes = (5).to_bytes(2, "big") + (7).to_bytes(2, "big")
    body = bytes(range(2 * (5 * 3 + 2**3 * 4 + 7 * 4)))
    grid = b"mft2\0\0\0\0\3\4\2\0" + bytes(36) + sizes + body
    kept = colours_only(with_tag(standard(), b"A2B0", grid + SECRET))
    assert grid in kept
    assert SECRET not in kept
