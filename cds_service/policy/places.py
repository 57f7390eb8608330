"""Where the data folders are: beside the package in a checkout, inside it when installed."""

from importlib.resources import files
from pathlib import Path
from typing import Literal

from cds_service.kernel.errors import DataError


def data_folder(name: Literal["policies", "cards", "fhir_profiles"]) -> Path:
    """The built-in folder of that name. Raises DataError when the installation lacks it."""
    package = Path(str(files("cds_service")))
    for folder in (package / "_data" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise DataError(name, None, "", f"The built-in folder {name!r} is missing: install the package again.")


def shown(path: Path) -> str:
    """The path as messages name it: from here when it lies below, else whole."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)
