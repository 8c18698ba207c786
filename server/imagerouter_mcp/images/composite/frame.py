"""Make the picture that a model gets: a part of a picture in a size that the model makes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageStat

from imagerouter_mcp.images.composite.arithmetic import Box, Shares, Size, opaque, shares
from imagerouter_mcp.images.pixels.scale import in_bands


@dataclass(frozen=True, slots=True)
class Frame:
    """Which part of a picture a model gets, and how.

    Attributes:
        box: The part, in pixels of the picture.
        size: Of what is sent.
        inner: Where the part lies in that; the rest is filled.
    """

    box: Box
    size: Size
    inner: Box

    @classmethod
    def of(cls, values: Sequence[Any]) -> "Frame":
        """Read its three values as JSON has them."""
        box, size, inner = (tuple(each) for each in values)
        return cls(box, size, inner)

    @property
    def inner_size(self) -> Size:
        """Width and height of the part, as sent."""
        return self.inner[2] - self.inner[0], self.inner[3] - self.inner[1]

    def place(self, part: Box) -> Shares:
        """Return where something lies in the frame, in shares of its sides.

        Args:
            part: In pixels of the picture, counted from the upper left corner of `box`.
        """
        within = shares(part, (self.box[2] - self.box[0], self.box[3] - self.box[1]))
        left, upper, right, lower = (
            (self.inner[at % 2] + within[at] * self.inner_size[at % 2]) / self.size[at % 2] for at in range(4)
        )
        return left, upper, right, lower

    def within(self, pixels: int) -> "Frame":
        """Return it with no more than a number of pixels, to compare pictures in."""
        scale = min(1.0, math.sqrt(pixels / math.prod(self.size)))
        across, down, *inner = (round(each * scale) for each in (*self.size, *self.inner))
        return Frame(self.box, (across, down), (inner[0], inner[1], inner[2], inner[3]))

    def holding(self, part: Image.Image) -> Image.Image:
        """Return what is sent: the part scaled, on its mean colour where it leaves something of the frame.

        Args:
            part: The picture in `box`, of mode RGB or RGBA.
        """
        scaled = in_bands(part, self.inner_size, lambda band: band)
        if scaled.size == self.size:
            return scaled
        red, green, blue = (round(level) for level in ImageStat.Stat(opaque(scaled)).mean)
        frame = Image.new(part.mode, self.size, (red, green, blue))
        frame.paste(scaled, self.inner)
        return frame

    def mask(self, region: Image.Image) -> Image.Image:
        """Return a mask as it lies over what is sent.

        Args:
            region: The mask in `box`.
        """
        frame = Image.new("L", self.size)
        frame.paste(in_bands(region, self.inner_size, lambda band: band), self.inner)
        return frame
