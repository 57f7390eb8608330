"""Body sites: the liver, somewhere else, or not to be told (clinical.md 1.4)."""

import pytest

from cds_service.evidence.sites import Site, read_site, read_sites
from cds_service.kernel.concepts import read_concept
from cds_service.kernel.elements import CodeableConcept, Coding
from tests.builders import SCT, findings, knowledge


def site(code: str = "", system: str = SCT, text: str = "") -> CodeableConcept:
    """A body site."""
    coding = [Coding(system=system, code=code)] if code else None
    return CodeableConcept(**({"coding": coding} if coding else {}), **({"text": text} if text else {}))


@pytest.mark.parametrize(
    ("place", "read"),
    [
        *(
            (site(code), Site.ORGAN)
            for code in ("10200004", "71133005", "277956007", "277957003", "277958008")
        ),
        *((site(code), Site.ORGAN) for code in ("277959000", "277960005", "277961009", "277962002")),
        (site("48338005"), Site.ELSEWHERE),
        (site("61492009"), Site.ELSEWHERE),
        (site(text="Liver, right lobe"), Site.ORGAN),
        (site(text="Hepatic segment VII"), Site.ORGAN),
        (site(text="Couinaud segment 4"), Site.ORGAN),
        (site(text="Hepatic flexure of colon"), Site.ELSEWHERE),
        (site(text="Hepatic lymph node"), Site.ELSEWHERE),
        (site(text="Common hepatic duct"), Site.ELSEWHERE),
        *((site(text=text), Site.ELSEWHERE) for text in ("Lung", "Ascending colon", "Rectum", "Iliac bone")),
        *(
            (site(text=text), Site.UNLISTED)
            for text in ("Segment VII", "right lobe", "lesion 2", "Delivery site")
        ),
        (site("39607008", text="Liver"), Site.UNREAD),
        (site("10200004", text="Hepatic flexure"), Site.UNREAD),
        (site("10200004", text="Segment VI"), Site.ORGAN),
        (site("999999"), Site.UNLISTED),
        (site("L1", "local"), Site.UNREAD),
    ],
)
def test_a_site_is_the_liver_elsewhere_or_not_to_be_told(place: CodeableConcept, read: Site) -> None:
    """clinical.md 1.4 with its traps; 2.5, 3.4."""
    assert read_site(read_concept(place, knowledge().terms), findings().model) is read


def test_several_sites_that_differ_cannot_be_told() -> None:
    """House rule 2."""
    model, terms = findings().model, knowledge().terms
    liver, lung = site("10200004"), site(text="Lung")
    assert read_sites([liver, site("277959000")], model, terms) is Site.ORGAN
    assert read_sites([liver, lung], model, terms) is Site.UNREAD
    assert read_sites([], model, terms) is Site.NONE
