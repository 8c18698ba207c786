"""Make the picture that a model gets: part of a picture, in a size that the model supports."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageStat

from imagerouter_mcp.images.pixels.arithmetic import Box, Shares, Size, opaque, shares
from imagerouter_mcp.images.pixels.scale import scaled


@dataclass(frozen=True, slots=True)
class Frame:
    """Which part of a picture is sent to a model, and how.

    Attributes:
        box: The part, in pixels of the picture.
        size: Size of what is sent.
        inner: Where the part lies in what is sent; the rest is filled.
    """

    box: Box
    size: Size
    inner: Box

    @classmethod
    def of(cls, values: Sequence[Any]) -> "Frame":
        """Build a frame from its three values as JSON arrays."""
        box, size, inner = (tuple(each) for each in values)
        return cls(box, size, inner)

    @property
    def inner_size(self) -> Size:
        """Width and height of the part as sent."""
        return self.inner[2] - self.inner[0], self.inner[3] - self.inner[1]

    def place(self, part: Box) -> Shares:
        """Return where a part lies in the frame, as fractions of its sides.

        Args:
            part: In pixels of the picture, relative to the upper left corner of `box`.
        """
        within = shares(part, (self.box[2] - self.box[0], self.box[3] - self.box[1]))
        left, upper, right, lower = (
            (self.inner[at % 2] + within[at] * self.inner_size[at % 2]) / self.size[at % 2] for at in range(4)
        )
        return left, upper, right, lower

    def within(self, pixels: int) -> "Frame":
        """Return a copy scaled down to a number of pixels, for comparing pictures."""
        scale = min(1.0, math.sqrt(pixels / math.prod(self.size)))
        across, down, *inner = (round(each * scale) for each in (*self.size, *self.inner))
        return Frame(self.box, (across, down), (inner[0], inner[1], inner[2], inner[3]))

    def holding(self, part: Image.Image) -> Image.Image:
        """Return the picture to send: the scaled part, on its mean colour where it does not fill the frame.

        Args:
            part: What the picture shows in `box`, in mode RGB or RGBA.
        """
        inner = scaled(part, self.inner_size)
        if inner.size == self.size:
            return inner
        red, green, blue = (round(level) for level in ImageStat.Stat(opaque(inner)).mean)
        frame = Image.new(part.mode, self.size, (red, green, blue))
        frame.paste(inner, self.inner)
        return frame

    def mask(self, region: Image.Image) -> Image.Image:
        """Return the mask for the picture to send.

        Args:
            region: The part of the mask in `box`.
        """
        frame = Image.new("L", self.size)
        frame.paste(scaled(region, self.inner_size), self.inner)
        return frame
