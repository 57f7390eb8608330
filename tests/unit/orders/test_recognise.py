"""Which orders are for the service, which are not, and which have to be asked about (clinical.md 1)."""

from typing import Any

import pytest

from cds_service.orders.order import Order, Scope
from tests.builders import CPT, LIVER, NCIT, PCS, SCT, TODAY, Resource, concept, knowledge, order

IN, ASK, OUT, UNREADABLE = Scope.IN_SCOPE, Scope.TECHNIQUE_UNKNOWN, Scope.OUT_OF_SCOPE, Scope.UNREADABLE
BILLING = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-billing-options"


def recognised(**members: Any) -> Order:
    """The order as recognised."""
    return knowledge().recogniser.read(order(**members), TODAY, {})


def scope(code: Resource, **members: Any) -> Scope:
    """The scope of an order with this code element."""
    return recognised(code=code, **members).scope


@pytest.mark.parametrize("code", ["47371", "47381", "47383"])
def test_the_cpt_codes_of_both_policies_name_the_service(code: str) -> None:
    """clinical.md 1.1; both policies, coding sections."""
    assert scope(concept(code, CPT)) is IN
    assert scope(concept(code, "urn:oid:2.16.840.1.113883.6.12")) is IN


@pytest.mark.parametrize("code", ["47399", "47379"])
def test_an_unlisted_code_asks_for_the_technique(code: str) -> None:
    """clinical.md 1.1: such a code needs cryo wording in text, detail or another coding."""
    assert scope(concept(code, CPT)) is ASK
    assert scope(concept(code, CPT, text="Cryoablation of liver lesion")) is IN
    assert scope(concept(code, CPT), orderDetail=[concept(text="cryoprobe, two")]) is IN
    assert scope(concept(code, CPT), orderDetail=[concept("C15215", NCIT)]) is not OUT
    assert scope(concept(code, CPT, text="Microwave ablation of liver")) is OUT


def test_guidance_alone_is_no_order_for_the_service() -> None:
    """clinical.md 1.1: 76940 is an adjunct, never a trigger."""
    assert scope(concept("76940", CPT)) is OUT
    assert recognised(code=concept("76940", CPT)).reason == "adjunct-only"
    both = {"coding": concept("76940", CPT)["coding"] + concept("47383", CPT)["coding"]}
    assert scope(both) is IN


@pytest.mark.parametrize(
    ("code", "system"),
    [("47370", CPT), ("47380", CPT), ("47382", CPT), ("879916008", SCT), ("0F503Z3", PCS), ("0F504ZF", PCS)],
)
def test_another_technique_is_another_service(code: str, system: str) -> None:
    """clinical.md 1.1 to 1.3: radiofrequency, laser, electroporation."""
    assert scope(concept(code, system)) is OUT
    assert recognised(code=concept(code, system)).reason == "other-technique"


@pytest.mark.parametrize("part", "012")
@pytest.mark.parametrize("approach", "034")
def test_an_icd_10_pcs_destruction_of_the_liver_asks_for_the_technique(part: str, approach: str) -> None:
    """clinical.md 1.2: there is no cryo-specific value for the liver."""
    code = f"0F5{part}{approach}ZZ"
    assert scope(concept(code, PCS)) is ASK
    assert (
        scope(concept(code.lower(), "http://terminology.hl7.org/CodeSystem/icd10PCS", text="Cryosurgery"))
        is IN
    )
    assert scope(concept(code, PCS, text="Radiofrequency ablation")) is OUT


@pytest.mark.parametrize(
    ("code", "system", "members", "expected"),
    [
        ("449404007", SCT, {}, IN),
        ("5415002", SCT, {}, ASK),
        ("26782000", SCT, {}, OUT),
        ("26782000", SCT, {"bodySite": [concept(LIVER, SCT)]}, IN),
        ("26782000", SCT, {"bodySite": [concept("277959000", SCT)]}, IN),
        ("26782000", SCT, {"bodySite": [concept("48338005", SCT)]}, OUT),
        ("26782000", SCT, {"bodySite": [concept(text="Hepatic flexure of colon")]}, OUT),
        ("26782000", SCT, {"bodySite": [concept("64033007", SCT)]}, OUT),
        ("C15215", NCIT, {}, OUT),
        ("C15215", NCIT, {"bodySite": [concept(text="Liver")]}, IN),
    ],
)
def test_snomed_ct_and_ncit_codes(code: str, system: str, members: Resource, expected: Scope) -> None:
    """clinical.md 1.3: general codes need a liver body site."""
    assert scope(concept(code, system), **members) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cryoablation of liver tumor", IN),
        ("CRYOSURGERY, hepatic lesion", IN),
        ("hepatic cryotherapy", IN),
        ("Liver, cryoprobe placement", IN),
        ("Cryoablation", OUT),
        ("Cryoablation of kidney", OUT),
        ("Cryoablation of hepatic flexure polyp", OUT),
        ("Liver ablation", OUT),
        ("Radiofrequency ablation of liver", OUT),
    ],
)
def test_words_alone_name_the_service(text: str, expected: Scope) -> None:
    """clinical.md 1.4, keyword rule; text-only matches get a note."""
    assert scope(concept(text=text)) is expected
    if expected is IN:
        read = recognised(code=concept(text=text))
        assert read.reason == "text-only-order"
        assert [note.code for note in read.notes] == ["order-has-no-code"]


def test_any_coding_will_do() -> None:
    """clinical.md 1.4: expect a local order code, CPT and SNOMED at once."""
    local = concept("IR-2207", "https://ehr.example.org/orders", display="Procedure")
    assert scope({"coding": [*local["coding"], *concept("47383", CPT)["coding"]]}) is IN
    assert scope(local) is OUT


def test_billing_codes_in_the_extension_are_read() -> None:
    """clinical.md 1.4: `ext-billing-options` on ServiceRequest.code."""
    extension = [{"url": BILLING, "valueCodeableConcept": concept("47383", CPT)}]
    read = recognised(code={**concept("L1", "local"), "extension": extension})
    assert read.scope is IN
    assert [(code.system, code.code) for code in read.billing_codes] == [(CPT, "47383")]


@pytest.mark.parametrize("status", ["draft", "active", "on-hold"])
def test_orders_still_to_be_done_are_read(status: str) -> None:
    """clinical.md 1.4: a draft can be active when an existing order is edited."""
    assert recognised(status=status).scope is IN


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"status": "revoked"}, "order-status-dropped"),
        ({"status": "entered-in-error"}, "order-status-dropped"),
        ({"status": "completed"}, "order-status-dropped"),
        ({"status": "unknown"}, "order-status-dropped"),
        ({"doNotPerform": True}, "order-not-to-be-done"),
        ({"doNotPerform": True, "status": "final"}, "order-not-to-be-done"),
    ],
)
def test_orders_not_to_be_done_are_dropped(members: Resource, reason: str) -> None:
    """clinical.md 1.4."""
    read = recognised(**members)
    assert (read.scope, read.reason) == (OUT, reason)


@pytest.mark.parametrize(
    "members",
    [
        {"status": "final"},
        {"status": None},
        {"doNotPerform": "false"},
        {"authoredOn": "soon"},
        {"occurrenceDateTime": "2026-13-01"},
        {"occurrenceDateTime": None, "occurrencePeriod": {}},
        {"occurrenceDateTime": None, "occurrenceTiming": {"event": []}},
        {"subject": "Patient/pat"},
        {"insurance": []},
        {"insurance": [{}]},
        {"code": 5},
        {"code": {"coding": [{"system": CPT}]}},
        {"code": {"coding": [{"system": CPT, "code": 5}], "text": "Cryoablation of liver"}},
    ],
)
def test_an_order_whose_deciding_parts_cannot_be_read_is_not_judged(members: Resource) -> None:
    """clinical.md 4.5: dates, status, doNotPerform, subject or insurance: cannot-evaluate."""
    made = {key: value for key, value in {**order(), **members}.items() if value is not None}
    read = knowledge().recogniser.read(made, TODAY, {})
    assert (read.scope, read.reason) == (UNREADABLE, "order-unreadable")


@pytest.mark.parametrize(
    "members", [{"reasonCode": []}, {"bodySite": "x"}, {"supportingInfo": [{}]}, {"extension": {}}]
)
def test_other_damage_leaves_the_order_readable_and_named(members: Resource) -> None:
    """clinical.md 4.5: reasonCode bears on D; bodySite, supportingInfo and extension on S."""
    read = recognised(**members)
    assert read.scope is IN
    assert len(read.damaged) == 1


def test_an_order_that_is_not_this_service_by_its_code_stays_out_of_scope_though_damaged() -> None:
    """clinical.md 4.5, last words on orders."""
    assert recognised(code=concept("70450", CPT), authoredOn="soon", status="final").scope is OUT


@pytest.mark.parametrize(
    ("members", "day"),
    [
        ({"occurrenceDateTime": "2026-12-05"}, "2026-12-05"),
        ({"occurrencePeriod": {"start": "2026-12-03", "end": "2026-12-09"}}, "2026-12-03"),
        ({"occurrenceTiming": {"event": ["2026-12-08", "2026-12-04"]}}, "2026-12-04"),
        ({"occurrenceTiming": {"repeat": {"boundsPeriod": {"start": "2026-12-06"}}}}, "2026-12-06"),
        ({"occurrenceTiming": {"repeat": {"boundsPeriod": {"end": "2026-12-06"}}}}, "2026-11-20"),
        ({"occurrenceDateTime": "2026-12"}, "2026-12-01"),
        ({}, "2026-11-20"),
        ({"authoredOn": None}, "2026-11-21"),
    ],
)
def test_the_service_date_is_occurrence_else_authored_else_today(members: Resource, day: str) -> None:
    """interface.md 3."""
    read = recognised(**{"occurrenceDateTime": None, **members})
    assert read.service_date.isoformat() == day


def test_references_are_brought_into_one_form() -> None:
    """interface.md 3: relative, absolute and urn alike."""
    made = order(
        subject={"reference": "urn:uuid:1"},
        insurance=[{"reference": "https://x.example/fhir/Coverage/c"}, {"display": "x"}],
    )
    read = knowledge().recogniser.read(made, TODAY, {"urn:uuid:1": "Patient/pat"})
    assert (read.subject, read.insurance, read.reference) == (
        "Patient/pat",
        ("Coverage/c",),
        "ServiceRequest/order",
    )


def test_an_order_without_an_id_goes_by_its_address() -> None:
    """cds-hooks.md: drafts may be named by fullUrl alone."""
    made = {key: value for key, value in order().items() if key != "id"}
    assert knowledge().recogniser.read(made, TODAY, {}, "urn:uuid:9").reference == "urn:uuid:9"
    assert knowledge().recogniser.read(made, TODAY, {}).reference == "ServiceRequest/unknown"


def test_an_order_without_a_patient_says_so() -> None:
    """House rule 3: nothing is made up."""
    assert recognised(subject=None).subject is None
    assert recognised(subject={"display": "Ann"}).subject is None


def test_another_kind_of_order_is_out_of_scope() -> None:
    """clinical.md 1.4: recognition reads the kinds of order that the service's data name."""
    made = {**order(), "resourceType": "DeviceRequest"}
    assert knowledge().recogniser.read(made, TODAY, {}).scope is OUT


def test_words_of_another_technique_beside_the_code_are_pointed_out() -> None:
    """clinical.md 1.1 lets the code decide; whoever signs is told of the words."""
    read = recognised(code=concept("47383", CPT, text="Radiofrequency ablation of liver tumor"))
    assert read.scope is IN
    assert [note.code for note in read.notes] == ["other-technique-named"]
    assert recognised(code=concept("47383", CPT, text="Cryoablation of liver tumor")).notes == ()
