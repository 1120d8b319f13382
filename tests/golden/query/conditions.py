"""A condition as one line of text, for the golden files."""

from pipeline import plan


def printed(condition: plan.Condition | None) -> str:
    match condition:
        case None:
            return "everything"
        case plan.And(parts):
            return f"({' and '.join(map(printed, parts))})"
        case plan.Or(parts):
            return f"({' or '.join(map(printed, parts))})"
        case plan.Not(part):
            return f"not {printed(part)}"
        case plan.Compare(plan.Column(name), operator, value):
            return f"{name} {operator} {_scalar(value)}"
        case plan.Compare(plan.AttributeField(key, level), operator, value):
            return f"{level}[{key!r}] {operator} {_scalar(value)}"
    raise TypeError(condition)


def _scalar(value: plan.Scalar) -> str:
    return f"x'{value.hex()}'" if isinstance(value, bytes) else repr(value)
