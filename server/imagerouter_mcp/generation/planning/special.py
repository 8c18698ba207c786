"""Models that do one special thing, which ImageRouter's list does not say.

Reviewed by hand, November 2026, from the models' own names and their makers' descriptions (Bria's and
Recraft's API references, the model cards of the upscalers and of Qwen-Image-Layered). A model that is
not here takes a prompt and makes a new picture.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Speciality:
    """What a special model does.

    Attributes:
        does: As the end of "this model …".
        prompt: Whether it uses a prompt.
        image: Whether it needs a source image.
    """

    does: str
    prompt: bool = False
    image: bool = True


SPECIAL: dict[str, Speciality] = {
    "bria/remove-background": Speciality("removes the background"),
    "bria/blur-background": Speciality("blurs the background"),
    "bria/erase-foreground": Speciality("removes the subject and fills in the background"),
    "bria/enhance": Speciality("sharpens and enlarges"),
    "recraft-ai/recraft-vectorize": Speciality("turns a picture into SVG"),
    "jingyunliang/swinir-2x": Speciality("doubles the size"),
    "csslc/ccsr-2x": Speciality("doubles the size"),
    "stabilityai/latent-2x": Speciality("doubles the size"),
    "philz1337x/clarity-2x": Speciality("doubles the size and adds detail"),
    "qwen/qwen-image-layered": Speciality("splits a picture into layers", prompt=True),
    "wavespeed/ghibli": Speciality("redraws a picture in one cartoon style"),
    # These return SVG whatever format is asked for, so they are never chosen automatically.
    "recraft-ai/recraft-v3-svg": Speciality("draws SVG", prompt=True, image=False),
    "bria/bria-3.2-vector": Speciality("draws SVG", prompt=True, image=False),
}
