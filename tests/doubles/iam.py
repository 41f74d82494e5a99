"""A double of IAM's decision: policies and one request -> allowed or not. moto decides by actions alone, so this reads resources and conditions too.

After https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html: a denial by any statement counts,
then a permission by any, else nothing is permitted. A condition operator that is not known here is an error, never a pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Policy = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """One request: what is to be done to what, by whom, and what is known about it by condition key."""

    action: str
    resource: str
    context: Mapping[str, str | list[str]] = field(default_factory=dict)
    principal: str = ""


def allowed(policies: Iterable[Policy], asked: Asked) -> bool:
    """Whether these policies together permit the request."""
    effects = {
        statement["Effect"] for policy in policies for statement in _list(policy["Statement"]) if _meets(statement, asked)
    }
    return effects == {"Allow"}


def denied(policies: Iterable[Policy], asked: Asked) -> bool:
    """Whether one of these policies forbids the request, whatever another permits."""
    statements = [one for policy in policies for one in _list(policy["Statement"])]
    return any(one["Effect"] == "Deny" and _meets(one, asked) for one in statements)


def _meets(statement: Mapping[str, Any], asked: Asked) -> bool:
    return (
        _named(statement, "Action", asked.action, ignore_case=True)
        and ("Resource" not in statement or _named(statement, "Resource", asked.resource))
        and ("Principal" not in statement or _principal(statement["Principal"], asked.principal))
        and all(
            _holds(operator, key, _list(values), asked.context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _named(statement: Mapping[str, Any], element: str, value: str, *, ignore_case: bool = False) -> bool:
    if f"Not{element}" in statement:
        return not any(like(pattern, value, ignore_case=ignore_case) for pattern in _list(statement[f"Not{element}"]))
    return any(like(pattern, value, ignore_case=ignore_case) for pattern in _list(statement[element]))


def _principal(principal: Any, who: str) -> bool:
    if principal == "*":
        return True
    return any(one in (who, "*") for kind in principal.values() for one in _list(kind))


def _holds(operator: str, key: str, values: list[str], context: Mapping[str, Any]) -> bool:
    operator, every = operator.removeprefix("ForAllValues:"), operator.startswith("ForAllValues:")
    operator, optional = operator.removesuffix("IfExists"), operator.endswith("IfExists")
    given = _list(context[key]) if key in context else []
    if not given:  # a negated operator holds where there is nothing to compare
        return every or optional or operator in NEGATED
    test = OPERATORS[operator]
    if operator in NEGATED:
        return all(test(value, one) for value in values for one in given)
    found = (any(test(value, one) for value in values) for one in given)
    return all(found) if every else any(found)


def like(pattern: str, value: str, *, ignore_case: bool = False) -> bool:
    """Whether IAM's wildcards match: `*` for any text, `?` for one character."""
    expression = "".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in re.split(r"([*?])", pattern))
    return re.fullmatch(expression, value, re.DOTALL | (re.IGNORECASE if ignore_case else 0)) is not None


OPERATORS = {
    "StringEquals": lambda wanted, given: wanted == given,
    "StringNotEquals": lambda wanted, given: wanted != given,
    "StringLike": like,
    "ArnEquals": like,
    "ArnLike": like,
    "ArnNotEquals": lambda wanted, given: not like(wanted, given),
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
    "NumericLessThan": lambda wanted, given: float(given) < float(wanted),
}
NEGATED = {"StringNotEquals", "ArnNotEquals"}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
