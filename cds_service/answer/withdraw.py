"""Takes a verdict back that may not be given, and leaves a technical one in its place."""

from dataclasses import replace

from cds_service.determination import Determination, Outcome


def withdrawn(determination: Determination) -> Determination:
    """The same case without its verdict, because it could not be recorded; an order out of scope had none."""
    if determination.outcome is Outcome.OUT_OF_SCOPE:
        return determination
    return replace(
        determination,
        outcome=Outcome.CANNOT_EVALUATE,
        reason="not-recorded",
        technical=True,
        criteria=(),
        flags=(),
        covered="indeterminate",
        pa_needed="indeterminate",
        doc_needed=None,
        info_needed=None,
        questionnaire=None,
    )
