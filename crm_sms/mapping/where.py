"""Which people texts may concern, by the admin's file."""

from __future__ import annotations

from dataclasses import dataclass

from crm_sms.errors import BadMapping
from crm_sms.mapping.expressions import Expression, ExpressionError, compile_value
from crm_sms.mapping.scopes import SCOPES
from crm_sms.records import Person


@dataclass(frozen=True, slots=True)
class Where:
    """The condition of one object of people; `key` is where it stands, for messages."""

    file: str
    key: str
    source: str
    expression: Expression

    @classmethod
    def of(cls, file: str, key: str, source: str) -> Where:
        """A condition that was checked before, compiled."""
        return cls(file, key, source, compile_value(source, SCOPES["people"]))

    def covers(self, person: Person) -> bool:
        """Whether it takes this person in. Raises BadMapping, naming file and key, if it cannot
        take the person's facts."""
        try:
            return bool(self.expression.get({"person": person}))
        except ExpressionError as error:
            raise BadMapping(f"{self.file}: {self.key}: {error}; correct the expression") from None
