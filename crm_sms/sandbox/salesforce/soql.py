"""From a SOQL text to a tree; whatever the grammar does not know is MALFORMED_QUERY."""

from __future__ import annotations

from typing import Any

from crm_sms.sandbox.salesforce.clauses import Clauses, parser, tree_of
from crm_sms.sandbox.salesforce.syntax import Path, Query


def parse(text: str) -> Query:
    """The tree of a query, or RequestRefused."""
    return tree_of(parser("soql", "clauses"), _Soql(text))


class _Soql(Clauses[Query]):
    def start(self, items: list[Any]) -> Query:
        selection, name, *rest = items
        query = self.query(str(name), selection, dict(rest))
        if not selection and query.order:
            raise self.malformed("Ordered field must be grouped or aggregated")
        return query

    def count(self, items: list[Any]) -> tuple[Path, ...]:
        return ()
