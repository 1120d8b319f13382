"""A field's name that stands alone, outside of a query: it means what it would mean in one."""

from pipeline.plan import AttributeField
from pipeline.signal import Signal
from query.language import tree
from query.language.check import named
from query.language.columns import Kind
from query.language.fields import COLUMNS
from query.language.parse import parse
from query.wrong import Wrong, WrongQuery, shown


def field(text: str, signal: Signal, parameter: str) -> Kind | AttributeField:
    """Return the field or attribute of that name; raises Wrong, naming the parameter."""
    try:
        # Only a name makes this one condition.
        asked = parse(f"{text} exists").where
        if not isinstance(asked, tree.Existence) or str(asked) != f"{asked.name} exists":
            raise Wrong(f"{parameter} is a field's name, not {shown(text)}", parameter)
        name = asked.name
        kind = None if name.quoted else COLUMNS[signal].get(name.key)
        if kind is not None:
            return kind
        if not name.quoted and "*" in name.key:
            raise Wrong(f"{parameter} is one field's name, without *: {shown(text)}", parameter)
        return AttributeField(*named(name, signal))
    except WrongQuery as error:
        raise Wrong(f"{parameter}: {error}", parameter) from None
