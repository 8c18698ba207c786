"""Read a call's arguments as clients send them: other spellings of names, strings for lists, own words.

A key that no spelling explains is not guessed, because a wrong guess is paid for: the answer names the key
that is probably meant.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from itertools import chain
from typing import Any, cast

MAX_FAULTS = 20
"""Maximum number of faults to name; a call with more has arguments that no tool takes."""
_NAME_SHOWN = 40
"""Characters."""
_LONGEST = 4096
"""Characters of any text but those of `_LONG`. Looking for a longer one takes seconds."""
_LONG = ("prompt", "images", "image", "mask", "steps")
"""Parameters whose texts are limited where they are read: pictures may come as texts."""
_LEFT_OUT = ("null", "none", "undefined")
_SEPARATED = ("models", "supports")
"""Lists whose items hold no comma, so that `a,b` is two."""
_AMOUNT = re.compile(r"\$?(-?[0-9]++(?:\.[0-9]*+)?)\s*+(?:s|sec|secs|seconds?|usd|\$)?", re.IGNORECASE)
_WORDS = {
    "quality": {"draft": "low", "standard": "medium", "normal": "medium", "hd": "high", "best": "high"},
    "output_format": {"jpg": "jpeg"},
    "response_format": {"base64": "b64_json", "b64": "b64_json"},
    "background": {"true": "transparent", "alpha": "transparent", "opaque": "auto", "false": "auto"},
    "fit": {"crop": "cover", "pad": "contain", "letterbox": "contain", "distort": "stretch"},
    "preview": {"false": "none", "off": "none", "true": "auto", "small": "auto"},
    "kind": {"all": "any", "images": "image", "picture": "image", "photo": "image", "videos": "video"},
    "sort": {"newest": "date", "cheapest": "price", "popular": "popularity"},
    "period": {"day": "today", "7 days": "week", "30 days": "month", "total": "all"},
    "supports": {"image": "edit", "images": "edit", "editing": "edit", "masks": "mask", "inpainting": "mask"},
}
"""Words that people use in place of a parameter's own values."""
_MEANT = {
    "n": "count num numimages numberofimages number nimages batchsize samples variations",
    "prompt": "text description instruction instructions caption query message negativeprompt style",
    "images": "image imagepath imagepaths imageurl imageurls inputimage inputimages source sources "
    "sourceimage sourceimages reference references referenceimage referenceimages photo photos file files",
    "image": "images source path handle",
    "mask": "maskimage maskpath maskurl region area selection",
    "size": "width height dimensions resolution imagesize",
    "aspect_ratio": "ratio aspect shape orientation",
    "output_format": "format filetype extension mimetype imageformat",
    "output_dir": "path outputpath savepath saveto folder dir directory outputfolder destination",
    "filename": "name outputname outputfilename title",
    "model": "modelid modelname engine id models",
    "models": "modelids model",
    "seconds": "duration length durationseconds",
    "background": "transparent transparency transparentbackground removebackground",
    "fit": "resizemode crop mode",
    "steps": "step operations operation actions transforms commands edits crop resize size width height "
    "format convert outputformat quality preset set",
    "again": "force regenerate new retry",
    "confirm_cost": "confirm confirmed yes",
    "dry_run": "estimate simulate test",
    "max_cost_usd": "maxcost budget costlimit maxprice",
    "max_price": "maxcost maxcostusd budget",
    "generation": "handle id generationid job jobid taskid",
    "handle": "image images imageid id name path",
    "limit": "n max count maxresults topk pagesize",
    "query": "search text filter q name prompt",
    "wait": "timeout waitseconds seconds",
    "kind": "type output",
}
"""Other names that callers guess for a parameter."""
_ELSEWHERE = {
    "images": "source pictures go to edit_image",
    "mask": "masks go to edit_image",
    "seconds": "videos are made by generate_video",
    "steps": "finish_image takes steps",
    "seed": "ImageRouter takes no seed",
    "models": "compare_models takes several",
}


def read_arguments(
    schema: Mapping[str, Any], given: Mapping[str, object]
) -> tuple[dict[str, object], list[str]]:
    """Return a call's arguments under the tool's own names, and what is wrong with unknown names.

    Args:
        schema: The tool's input schema.
        given: What the client sent. What is null is left out.
    """
    properties = schema["properties"]
    spelled = {_plain(name): name for name in properties}
    read: dict[str, object] = {}
    faults: list[str] = []
    for key, sent in given.items():
        if sent is None:
            continue
        name = key if key in properties else spelled.get(_plain(key))
        if name is None:
            faults.append(_unknown(key, properties) if len(faults) < MAX_FAULTS else "")
        elif name != key and name in given:
            faults.append(f"{name!r} is given twice, also as {key[:_NAME_SHOWN]!r}")
        else:
            value = _read(name, properties[name], sent, optional=name not in schema.get("required", ()))
            if name not in _LONG and _is_long(value):
                faults.append(f"{name!r} has more than {_LONGEST} characters")
            elif value is not None:
                read[name] = value
    return read, faults


def _unknown(key: str, properties: Mapping[str, object]) -> str:
    asked = _plain(key[:_NAME_SHOWN])
    meant = [name for name in properties if asked in _MEANT.get(name, "").split()]
    if not meant:
        meant = [name for name in properties if asked and get_close_matches(asked, [_plain(name)], 1, 0.75)]
    hint = f"use {meant[0]}" if meant else _elsewhere(asked)
    return f"it does not know {key[:_NAME_SHOWN]!r}{f' ({hint})' if hint else ''}"


def _elsewhere(asked: str) -> str:
    """Return where a parameter belongs that this tool does not have, or ""."""
    return next(
        (
            where
            for name, where in _ELSEWHERE.items()
            if asked == _plain(name) or asked in _MEANT.get(name, "").split()
        ),
        "",
    )


def _plain(name: str) -> str:
    """Return a name so that `aspectRatio`, `aspect-ratio` and `aspect_ratio` are the same."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _read(name: str, schema: Mapping[str, Any], value: object, *, optional: bool) -> object:
    """Convert a value to what its schema wants, as far as possible; None if it is left out."""
    left_out = isinstance(value, str) and optional and value.strip().lower() in _LEFT_OUT
    if left_out and value not in schema.get("enum", ()):
        return None
    match schema["type"]:
        case "array":
            items = _listed(value, separated=name in _SEPARATED)
            return [_word(name, schema["items"], item) for item in items] if items is not None else value
        case "string":
            return _word(name, schema, _text(value))
        case _ if isinstance(value, str):
            amount = _AMOUNT.fullmatch(value.strip())
            return amount[1] if amount else value.strip() or None
        case _:
            return value


def _is_long(value: object) -> bool:
    texts = cast("list[object]", value) if isinstance(value, list) else [value]
    return sum(len(text) for text in texts if isinstance(text, str)) > _LONGEST


def _listed(value: object, *, separated: bool) -> list[object] | None:
    """Return the items of a list, of a list in JSON, or a single item; None for anything else."""
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):  # a text may begin like a list
            value = json.loads(value) if value.lstrip().startswith("[") else value
    if isinstance(value, str | int):
        value = [str(value).strip()] if str(value).strip() else []
    if not isinstance(value, list):
        return None
    items = [_text(item) for item in cast("list[object]", value) if item is not None]
    if not separated:
        return items
    return list(chain.from_iterable(_parts(item) if isinstance(item, str) else [item] for item in items))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _text(value: object) -> object:
    """Return a number as text, and the only item of a list."""
    if isinstance(value, list):
        items = cast("list[object]", value)
        return items[0] if len(items) == 1 else items
    return str(value) if type(value) in (int, float) else value


def _word(name: str, schema: Mapping[str, Any], value: object) -> object:
    """Return the parameter's own value that a word means, in any case; return other texts unchanged."""
    if "enum" not in schema or not isinstance(value, str | bool):
        return value
    word = str(value).strip().lower().removeprefix("image/").removeprefix(".")
    return _WORDS.get(name, {}).get(word, word) or None
