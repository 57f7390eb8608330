"""Reads a YAML data file into a struct and points at file, line and member when it cannot."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq, TaggedScalar
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, SingleQuotedScalarString

from cds_service.kernel.errors import DataError
from cds_service.kernel.schema_trouble import troubles

Member: TypeAlias = tuple[str | int, ...]
"""Where a value stands in a document: keys and positions from the top."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class YamlFile:
    """One parsed file: its name as shown to people, plain data, and the tree that knows the lines."""

    name: str
    data: Any
    tree: Any

    def line(self, member: Member) -> int | None:
        """Line (from 1) of a member, or of the nearest one above it that exists."""
        line, node = None, self.tree
        for key in member:
            position = _position(node, key)
            if position is None:
                return line
            line, node = position + 1, node[key]
        return line if member else 1

    def error(self, member: Member, message: str) -> DataError:
        """A DataError at a member of this file."""
        return DataError(self.name, self.line(member), spelled(member), message)

    def unquoted(self, keys: frozenset[str]) -> Iterator[tuple[Member, str]]:
        """Members under the given keys whose text stands without quotes (ecosystem.md 3.2, YAML row)."""
        for member, node in _scalars(self.tree, ()):
            names = [key for key in member if isinstance(key, str)]
            if names and names[-1] in keys and isinstance(node, str) and not isinstance(node, _QUOTED):
                yield member, str(node)


_QUOTED = (DoubleQuotedScalarString, SingleQuotedScalarString)


def read_yaml(path: Path, name: str | None = None) -> YamlFile:
    """The file parsed as YAML 1.2. Raises DataError when it cannot be read or is no YAML."""
    name = name or str(path)
    reader = YAML(typ="rt")
    reader.preserve_quotes = True
    try:
        tree = reader.load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise DataError(name, line, "", f"This is not YAML: {_first_sentence(error)}.") from None
    except (YAMLError, OSError, UnicodeDecodeError) as error:
        raise DataError(name, None, "", f"The file cannot be read: {error}.") from None
    file = YamlFile(name, None, tree)
    return YamlFile(name, _plain(file, tree, ()), tree)


def decode(file: YamlFile, kind: type[T], errors: list[DataError]) -> T | None:
    """The file's data as a struct; None after every reason why not was added to `errors`."""
    try:
        return msgspec.convert(file.data, kind)
    except msgspec.ValidationError as error:
        found = [file.error(*trouble) for trouble in troubles(file.data, kind)]
        errors.extend(sorted(found, key=lambda e: e.line or 0) or [file.error((), f"{error}.")])
        return None


def spelled(member: Sequence[str | int]) -> str:
    """`criteria[1].cites`, as messages write a member."""
    text = ""
    for key in member:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def _position(node: Any, key: str | int) -> int | None:
    """Line (from 0) of a key or list item."""
    if isinstance(node, CommentedMap) and key in node:
        return int(node.lc.key(key)[0])
    if isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
        return int(node.lc.item(key)[0])
    return None


def _scalars(node: Any, member: Member) -> Iterator[tuple[Member, Any]]:
    if isinstance(node, CommentedMap):
        for key, value in node.items():
            yield from _scalars(value, (*member, key))
    elif isinstance(node, CommentedSeq):
        for index, value in enumerate(node):
            yield from _scalars(value, (*member, index))
    elif node is not None:
        yield member, node


def _plain(file: YamlFile, node: Any, member: Member) -> Any:
    """Plain dicts, lists and scalars, so that no reader's class ends up in a struct."""
    if isinstance(node, CommentedMap):
        for key in node:
            if not isinstance(key, str):
                raise file.error((*member, key), f'A member name is text: write "{key}" in quotes.')
        return {str(key): _plain(file, value, (*member, key)) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(file, value, (*member, index)) for index, value in enumerate(node)]
    if isinstance(node, TaggedScalar):
        raise file.error(
            member, f"Tags are not used here: write {str(node.value)!r} without {node.tag.value}."
        )
    for simple in (bool, int, float, str):
        if isinstance(node, simple):
            return simple(node)
    return node


def _first_sentence(error: MarkedYAMLError) -> str:
    """The reader's own words for the trouble, without its picture of the place."""
    return str(error.problem or error.context or error).strip().splitlines()[0].rstrip(".")
