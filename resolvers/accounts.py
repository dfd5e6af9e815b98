"""The roads to what the PMS bills: what covers a patient, and what they owe."""

from __future__ import annotations

from collections.abc import Sequence

from resolvers.batching import Loader
from resolvers.charts import charted, charts_asked, owed_in_all
from resolvers.request import READ, Request
from sources.model import Balance, Charts, Coverage
from sources.ports import Found, Listed


class Accounts:
    """Patients' accounts, for one request."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._billing = request.house.sources.billing

    def coverages(self) -> Loader[Charts, Listed[Coverage]]:
        """What covers each patient."""
        ask = self._billing.coverages_of
        return self._request.loader(
            ("coverages",), lambda keys: charted(self._request, "Coverage", ask, keys, None)
        )

    def balances(self) -> Loader[Charts, Balance]:
        """What each patient owes, in all practices together."""

        async def fetch(keys: Sequence[Charts]) -> Found[Charts, Balance]:
            gate = self._request.gate("Account", READ, "Balance")
            if gate.admits_nothing:
                return {}
            mrns, asked = await charts_asked(self._request, gate, keys)
            found = await self._billing.balances(mrns, asked.wanted) if mrns else {}
            owed = {key: owed_in_all([found.get(chart.mrn) for chart in key]) for key in keys}
            known = {key: balance for key, balance in owed.items() if balance is not None}
            errors = asked.errors
            return {key: errors[key[0].patient_id] for key in keys if key[0].patient_id in errors} | (
                await gate.found(known, lambda key, _: key[0].patient_id)
            )

        return self._request.loader(("balances",), fetch)
