"""Loads the card kinds, shared parts and reason sentences of `cards/`, and renders them."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

from jinja2 import DictLoader, StrictUndefined, TemplateSyntaxError, UndefinedError, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cds_service.answer import text
from cds_service.answer.card_files import Kind, Parts, Proposes, Reasons
from cds_service.kernel.errors import DataError
from cds_service.kernel.yaml_data import YamlFile, decode, read_yaml

T = TypeVar("T")
View = Mapping[str, Any]


class CardSet:
    """All card kinds and sentences, compiled; made once by `load_cards` and never changed."""

    def __init__(self, kinds: Mapping[str, Kind], sources: Mapping[str, str], codes: frozenset[str]) -> None:
        """kinds: file name -> kind, most specific first; sources: template name -> source."""
        self.kinds = kinds
        self.codes = codes
        self._markdown = _environment(sources, text.markdown)
        self._plain = _environment(sources, text.plain)

    @property
    def topics(self) -> dict[str, str]:
        """Code -> display of every response type that cards can have; clients may switch each off (dev-5)."""
        return self.topics_with(get_args(Proposes))

    def topics_with(self, proposed: Collection[Proposes]) -> dict[str, str]:
        """The same where policies make only these proposals."""
        cards = [k.card for k in self.kinds.values() if k.card and (not k.proposes or k.proposes in proposed)]
        return {card.topic.code: card.topic.display for card in cards}

    def markdown(self, name: str, view: View) -> str:
        """A template rendered as Markdown; everything inserted is escaped."""
        return text.tidy(self._markdown.get_template(name).render(view))

    def plain(self, name: str, view: View) -> str:
        """A template rendered as one line of plain text."""
        return text.one_line(self._plain.get_template(name).render(view))

    def sentence(self, remark: object, view: View) -> str:
        """The sentence of a gap, a note or a bare code as one plain line, outside of any card."""
        template = self._plain.from_string("{{ remark | sentence }}")
        return text.one_line(template.render({**view, "remark": remark}))


def load_cards(folder: Path) -> CardSet:
    """Reads every file of `cards/`. Raises DataError naming file and line when one cannot be used."""
    sources: dict[str, str] = {}
    reasons = _read(folder / "reasons.yaml", Reasons)
    for code, sentence in (reasons.sentences | {"unlisted": reasons.unlisted}).items():
        sources[f"reasons/{code}"] = sentence
    for name, part in _read(folder / "parts.yaml", Parts).parts.items():
        sources[f"parts/{name}"] = part
    kinds: dict[str, Kind] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.stem not in ("reasons", "parts"):
            kinds[path.stem] = _read(path, Kind)
            sources |= _templates(path.stem, kinds[path.stem])
    ranked = sorted(kinds.items(), key=lambda item: (item[1].stands_in, not item[1].reasons, item[0]))
    return CardSet(dict(ranked), _compiled(folder, sources), frozenset(reasons.sentences))


def _templates(name: str, kind: Kind) -> dict[str, str]:
    sources: dict[str, str] = {}
    if kind.card:
        sources |= {f"{name}/summary": kind.card.summary, f"{name}/detail": kind.card.detail}
    if kind.assertion:
        sources |= {f"{name}/reason": kind.assertion.reason, f"{name}/action": kind.assertion.description}
    if kind.task:
        sources |= {f"{name}/task-label": kind.task.label, f"{name}/task": kind.task.description}
    if kind.proposal:
        sources |= {
            f"{name}/proposal-label": kind.proposal.label,
            f"{name}/proposal": kind.proposal.description,
        }
    return sources


def _read(path: Path, kind: type[T]) -> T:
    file: YamlFile = read_yaml(path)
    errors: list[DataError] = []
    found = decode(file, kind, errors)
    if found is None:
        first, *others = errors
        message = "\n".join([first.message, *map(str, others)])
        raise DataError(first.file, first.line, first.member, message)
    return found


def _compiled(folder: Path, sources: Mapping[str, str]) -> Mapping[str, str]:
    """The same sources once each of them was found to be a template. Raises DataError."""
    environment = _environment(sources, text.markdown)
    for name in sources:
        try:
            environment.get_template(name)
        except TemplateSyntaxError as error:
            message = f"line {error.lineno} of this template: {error.message}"
            raise DataError(str(folder / f"{name.split('/')[0]}.yaml"), None, name, message) from None
    return sources


def _environment(
    sources: Mapping[str, str], escape: Callable[[object], str]
) -> ImmutableSandboxedEnvironment:
    """A sandbox in which every inserted value goes through `escape`; None or an unknown name is an error."""

    def finalize(value: object) -> str:
        if value is None:
            raise UndefinedError("a card was about to say None")
        return escape(value)

    # Autoescape knows HTML alone; `finalize` escapes every value for Markdown, HTML included.
    environment = ImmutableSandboxedEnvironment(
        loader=DictLoader(dict(sources)),
        undefined=StrictUndefined,
        autoescape=False,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        cache_size=-1,
        auto_reload=False,
    )
    environment.filters["sentence"] = _sentence
    environment.filters["listed"] = text.listed
    environment.filters["brief"] = text.brief
    return environment


@pass_context
def _sentence(context: Context, item: Any) -> text.Trusted:
    """The sentence of a gap, a note or a bare code, from the catalogue."""
    environment = context.environment
    own = {"code": item, "about": "", "reference": None, "date": None, "on": ""}
    if not isinstance(item, str):
        own = {"code": item.code, "about": item.about, "reference": item.reference, "date": item.date}
        escape = cast("Callable[[object], str]", environment.finalize)
        about, day = escape(text.brief(item.about)), escape((item.date or "")[:10])
        own["on"] = text.Trusted((f": {about}" if about else "") + (f" ({day})" if day else ""))
    known = f"reasons/{own['code']}" in cast(DictLoader, environment.loader).mapping
    template = environment.get_template(f"reasons/{own['code']}" if known else "reasons/unlisted")
    return text.Trusted(template.render({**context.get_all(), **own}).strip())
