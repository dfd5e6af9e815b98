"""Which rows count in an outcome: those that outreach could be shown, whoever asks.

One cohort for all: who sees more of the rows than outreach does is told of no more of them here, so that two
audiences who put their answers together have one answer.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from policies.actor import Actor, Audience
from policies.boundary import PURPOSES
from policies.clearance import clearance
from policies.conditions import RowConditions, conditions
from policies.consent_actors import NO_NAMES, ActorNames
from policies.consent_criteria import Asking
from policies.rows import Clause, RowRule

_EVERY_ROW = RowRule(True, frozenset(), None, (Clause(bound=False),), None)


def counted(
    actor: Actor, kind: str, now: datetime, names: ActorNames = NO_NAMES, *, consents: bool
) -> tuple[RowConditions, ...]:
    """All that a row of that type must pass to be counted: what outreach's rows must, for all its purposes.

    Of *actor* the client alone matters: a patient may have denied something to it by name, or by one of
    those *names* that stand for it.
    """
    outreach = replace(actor, audience=Audience.CRM, patient=None, fhir_user=None, emergency=None)
    return tuple(
        conditions(
            kind,
            _EVERY_ROW,
            clearance(Audience.CRM, purpose),
            Asking.of(replace(outreach, purpose=purpose), kind, now, names) if consents else None,
            None,
        )
        for purpose in sorted(PURPOSES[Audience.CRM], key=lambda purpose: purpose.value)
    )
