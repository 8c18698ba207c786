"""Parse a command line, and report errors in a sentence instead of argparse's usage text."""

import argparse
import re
from difflib import get_close_matches
from typing import NoReturn

from imagerouter_mcp.lines import one_line

TYPED_WRONGLY = 2
"""Exit status of a mistyped command."""
_CHOICE = re.compile(r"(?:argument (\S+): )?invalid choice: '?(.*?)'? \(choose from (.*)\)")
_SENTENCES = (
    (re.compile(r"argument (\S+): expected (?:one|at least one) argument"), r"\1 needs a value"),
    (re.compile(r"unrecognized arguments: (.*)"), r"\1 is not known here"),
    (re.compile(r"the following arguments are required: (.*)"), r"\1 is missing"),
    (re.compile(r"argument (\S+): ignored explicit argument '?(.*?)'?"), r"\1 takes no value"),
    (re.compile(r"one of the arguments (\S+) (\S+) is required"), r"\1 or \2 is missing"),
    (re.compile(r"argument (\S+): not allowed with argument (\S+)"), r"\1 does not go with \2"),
    (re.compile(r"argument \S+: (.*)"), r"\1"),
)


class Grammar(argparse.ArgumentParser):
    """A parser whose errors are sentences."""

    def error(self, message: str) -> NoReturn:
        """End the command with what is wrong and how to get help."""
        self.exit(
            TYPED_WRONGLY, f"{self.prog}: {_sentence(one_line(message))}. `{self.prog} --help` shows how.\n"
        )


def _sentence(message: str) -> str:
    if choice := _CHOICE.fullmatch(message):
        known = re.findall(r"[\w-]+", choice[3])
        near = get_close_matches(choice[2], known, 1)
        meant = f"; {near[0]} is the nearest" if near else ""
        return f"{choice[2]!r} is not one of {', '.join(known)}{meant}"
    for pattern, sentence in _SENTENCES:
        if found := pattern.fullmatch(message):
            return found.expand(sentence)
    return message
