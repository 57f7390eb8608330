"""Compares the answers for charts on a FHIR server with those for the same charts as files."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from cds_service.evidence.network import Network
from tests.integration.deciding import of_file, resolved, signed, templates, verdicts
from tests.integration.ehr_data import EhrChart, Json, as_stored, store
from tests.integration.front import front

Sent = Callable[[str, EhrChart], Json | None]
"""What goes along as prefetch: from a server and a chart on it."""


@dataclass
class Report:
    """What came of each chart.

    refused: chart -> the server's reason for not storing it; mended: chart -> resources that the server
    changed, so that another answer is right; differing: chart -> both answers, where they must not differ.
    """

    same: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    mended: dict[str, str] = field(default_factory=dict)
    differing: dict[str, str] = field(default_factory=dict)

    def table(self, title: str) -> str:
        """A few lines to read."""
        counts = f"{len(self.same)} charts with the same answer, {len(self.refused)} refused by the server, "
        lines = [f"{title}: {counts}{len(self.mended)} changed by it, {len(self.differing)} DIFFER"]
        lines += [f"  refused  {name}: {why[:150]}" for name, why in self.refused.items()]
        lines += [f"  changed  {name}: {what}" for name, what in self.mended.items()]
        lines += [f"  DIFFERS  {name}: {how}" for name, how in self.differing.items()]
        return "\n".join(lines)


def load(base: str, charts: Iterable[EhrChart]) -> dict[str, str]:
    """Stores the charts; chart -> reason for those that the server refuses."""
    reasons = {chart.name: store(base, chart) for chart in charts}
    return {name: why for name, why in reasons.items() if why}


def compare(
    base: str, charts: Sequence[EhrChart], refused: Mapping[str, str], network: Network, sent: Sent
) -> Report:
    """The answers of charts that lie on the server, compared with those of the files."""
    report = Report(refused={chart.name: refused[chart.name] for chart in charts if chart.name in refused})
    failing = {chart.patient: chart.failing for chart in charts if chart.failing}
    with ExitStack() as stack:
        door = stack.enter_context(front(base, failing)).base if failing else base
        for chart in charts:
            if chart.name not in refused:
                _compare_one(report, base, door if chart.failing else base, chart, network, sent)
    return report


def _compare_one(report: Report, base: str, door: str, chart: EhrChart, network: Network, sent: Sent) -> None:
    answer = signed(door, chart, network, sent(door, chart))
    wanted, got = of_file(chart), verdicts(answer.determinations)
    if wanted == got:
        report.same.append(chart.name)
        return
    held = as_stored(base, chart)
    changed = [key for key, content in _content(chart).items() if _content(held).get(key) != content]
    if changed and got == of_file(held):
        report.mended[chart.name] = ", ".join(changed)
    else:
        report.differing[chart.name] = f"file {wanted}, EHR {got}"


def _content(chart: EhrChart) -> dict[str, Json]:
    """Resources by `Type/id`, without what every server adds."""
    return {
        f"{item['resourceType']}/{item['id']}": {
            name: item[name] for name in item if name not in ("meta", "text")
        }
        for item in chart.resources
    }


def nothing(base: str, chart: EhrChart) -> None:
    """No prefetch."""


def discovery_only(base: str, chart: EhrChart) -> Json:
    """Our discovery templates, resolved."""
    queries = templates()
    return resolved(base, chart.patient, {key: queries[key] for key in ("patient", "coverage")})


def everything(base: str, chart: EhrChart) -> Json:
    """Every key there is, resolved."""
    return resolved(base, chart.patient, templates())
