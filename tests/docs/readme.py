"""Reads fenced blocks out of README.md and compares a shortened answer with a whole one."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language."""
    return [
        text.strip() for text in re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    ]


def differences(shown: object, real: object, where: str = "answer") -> list[str]:
    """What is shown but is not so in the real answer; members may be left out, " ..." ends a cut text."""
    if isinstance(shown, dict) and isinstance(real, dict):
        missing = [f"{where}.{key} is not there" for key in shown if key not in real]
        both = [key for key in shown if key in real]
        return missing + [
            item for key in both for item in differences(shown[key], real[key], f"{where}.{key}")
        ]
    if isinstance(shown, list) and isinstance(real, list):
        pairs = enumerate(zip(shown, real, strict=False))
        short = [f"{where} has {len(real)} items"] if len(real) < len(shown) else []
        return short + [text for n, (a, b) in pairs for text in differences(a, b, f"{where}[{n}]")]
    if isinstance(shown, str) and isinstance(real, str) and shown.endswith(" ..."):
        return [] if real.startswith(shown.removesuffix(" ...")) else [f"{where} is {real!r}"]
    return [] if shown == real and type(shown) is type(real) else [f"{where} is {real!r}"]
