"""The table of masked edits: model, generation of the service, source, region and habit."""

from dataclasses import dataclass

from support.models_at_work import Habit

MASKS, NO_MASKS, KONTEXT, FLUX, SEEDREAM = (
    "stabilityai/sd3",
    "google/gemini-2.5-flash",
    "black-forest-labs/flux-kontext-pro",
    "black-forest-labs/FLUX-2-flex",
    "bytedance/seedream-4.5",
)
GPT = "openai/gpt-image-1.5"

NONE = Habit()
SHIFTED, SHIFTED_BACK = Habit(shift=(6, -6)), Habit(shift=(-6, 4))
LARGER, SMALLER = Habit(scale=1.03), Habit(scale=0.97)
TINTED, COLD = Habit(tint=(22, -6, -16)), Habit(tint=(-12, 4, 20))
ECHOED = Habit(echo=True)
ALL = Habit(shift=(-5, 6), scale=1.02, tint=(14, 0, -12))

BOX, PERCENT, TOP, CORNER = (
    "box:150,90,180,120",
    "box:30%,30%,30%,30%",
    "box:0,0,100%,45%",
    "box:70%,60%,30%,40%",
)
TINY, WIDE = "box:45%,45%,10%,10%", "box:8%,8%,84%,84%"
POLYGON, OUTSIDE = "poly:20%,80% 50%,15% 80%,80%", "outside:box:0,55%,100%,45%"
TWO = "box:10%,10%,20%,20%+box:60%,50%,25%,25%"
PAINTED, PAINTED_HOLE, ALPHA = "painted", "painted transparent", "alpha"


@dataclass(frozen=True)
class Case:
    """A masked edit.

    Attributes:
        model: Its id.
        source: One of `sources.KINDS`.
        mask: As a person gives it; "painted" stands for a picture.
        habit: What the model does beside what was asked.
        live: Whether the service is the live generation, which refuses every mask.
        quick: Whether it is tried with every change of the code.
    """

    model: str
    source: str
    mask: str
    habit: Habit = NONE
    live: bool = False
    quick: bool = False

    def __str__(self) -> str:
        habit = self.habit
        did = [
            f"shifted {habit.shift[0]:+g},{habit.shift[1]:+g}" if any(habit.shift) else "",
            f"scaled {habit.scale:g}" if habit.scale != 1 else "",
            "tinted" if any(habit.tint) else "",
            "echoed" if habit.echo else "",
        ]
        where = self.mask.replace("%", "")
        service = "live" if self.live else "february"
        return " · ".join(
            part for part in (self.model.split("/")[1], service, self.source, where, *did) if part
        )


CASES = (
    # Models with and without masks, on both generations of the service.
    Case(MASKS, "photo", BOX, quick=True),
    Case(MASKS, "photo", BOX, live=True, quick=True),
    Case(MASKS, "photo", PERCENT, ALL),
    Case(MASKS, "photo", POLYGON),
    Case(MASKS, "photo", PAINTED),
    Case(NO_MASKS, "photo", BOX),
    Case(NO_MASKS, "photo", BOX, live=True),
    Case(KONTEXT, "photo", PERCENT),
    Case(FLUX, "photo", PERCENT, live=True),
    Case(GPT, "photo", PERCENT),
    Case(SEEDREAM, "photo", PERCENT),
    # Every way to name a region.
    Case(NO_MASKS, "photo", TOP, quick=True),
    Case(NO_MASKS, "photo", CORNER),
    Case(NO_MASKS, "photo", TINY),
    Case(NO_MASKS, "photo", WIDE),
    Case(NO_MASKS, "photo", POLYGON, quick=True),
    Case(NO_MASKS, "photo", OUTSIDE),
    Case(NO_MASKS, "photo", TWO),
    Case(NO_MASKS, "photo", PAINTED),
    Case(NO_MASKS, "photo", PAINTED_HOLE),
    Case(NO_MASKS, "transparent", ALPHA, quick=True),
    Case(NO_MASKS, "transparent", "outside:alpha"),
    Case(NO_MASKS, "panorama", "box:0,0,100%,50%"),
    Case(GPT, "panorama", "box:40%,20%,20%,60%"),
    # What models do beside what was asked.
    Case(NO_MASKS, "photo", PERCENT, SHIFTED),
    Case(NO_MASKS, "photo", PERCENT, SHIFTED_BACK),
    Case(NO_MASKS, "photo", PERCENT, LARGER),
    Case(NO_MASKS, "photo", PERCENT, SMALLER),
    Case(NO_MASKS, "photo", PERCENT, TINTED),
    Case(NO_MASKS, "photo", PERCENT, COLD),
    Case(NO_MASKS, "photo", PERCENT, ECHOED, quick=True),
    Case(NO_MASKS, "photo", PERCENT, ALL, quick=True),
    Case(NO_MASKS, "photo", TOP, ALL),
    Case(NO_MASKS, "photo", CORNER, ALL),
    Case(NO_MASKS, "photo", WIDE, ALL),
    Case(NO_MASKS, "photo", POLYGON, ALL),
    Case(GPT, "photo", BOX, ALL, live=True),
    Case(FLUX, "photo", PAINTED, SHIFTED),
    # Every kind of source.
    Case(NO_MASKS, "EXIF-turned", BOX, quick=True),
    Case(NO_MASKS, "EXIF-turned", PAINTED, SHIFTED),
    Case(NO_MASKS, "EXIF-turned", TOP, TINTED),
    Case(NO_MASKS, "transparent", PERCENT, SHIFTED),
    Case(MASKS, "transparent", BOX, live=True),
    Case(NO_MASKS, "grey", PERCENT, LARGER),
    Case(NO_MASKS, "grey", PERCENT, ECHOED),
    Case(NO_MASKS, "16-bit", PERCENT, SHIFTED, quick=True),
    Case(MASKS, "16-bit", BOX),
    Case(NO_MASKS, "16-bit", PERCENT, ECHOED),
    Case(NO_MASKS, "CMYK", PERCENT, SHIFTED, quick=True),
    Case(KONTEXT, "CMYK", CORNER, TINTED),
    Case(NO_MASKS, "palette", PERCENT, ALL),
    Case(NO_MASKS, "WebP", PERCENT, SMALLER),
    Case(NO_MASKS, "TIFF", PERCENT, SHIFTED),
    # Photos of 12 megapixels.
    Case(NO_MASKS, "12 MP", TINY, ALL),
    Case(NO_MASKS, "12 MP", PERCENT, SHIFTED),
    Case(NO_MASKS, "12 MP", TOP, TINTED),
    Case(NO_MASKS, "12 MP", WIDE, LARGER),
    Case(NO_MASKS, "12 MP", POLYGON),
    Case(MASKS, "12 MP", CORNER, SHIFTED_BACK, live=True),
    Case(SEEDREAM, "12 MP", PERCENT, ECHOED),
)
