"""Names of fields that stand alone, outside of a query: they mean what they would mean in one."""

from pipeline.plan import AttributeField
from pipeline.signal import Signal
from query.language import tree
from query.language.columns import Kind
from query.language.conditions import named
from query.language.fields import COLUMNS
from query.language.parse import parse
from query.language.stages.stats import By, Stats
from query.wrong import Wrong, WrongQuery, shown


def names(text: str, parameter: str) -> tuple[tree.Name, ...]:
    """Return the names in a list with commas; raises Wrong, naming the parameter."""
    try:
        # In a stage there is nothing but names in this place.
        asked = parse(f"| stats count() by {text}")
    except WrongQuery as error:
        reason = str(error).partition(": ")[2]
        raise Wrong(f"{parameter}: {reason}: {shown(text)}", parameter) from None
    stage = asked.stages[0]
    if len(asked.stages) > 1 or not isinstance(stage, Stats):
        raise Wrong(f"{parameter} is a list of fields, not {shown(text)}", parameter)
    found = tuple(one.of for one in stage.by if isinstance(one, By) and one.name is None)
    if len(found) < len(stage.by):
        raise Wrong(f"{parameter} is a list of fields, not {shown(text)}", parameter)
    for name in found:
        if not name.quoted and "*" in name.key:
            raise Wrong(f"{parameter} are whole names, without *: {shown(name)}", parameter)
    return found


def name(text: str, parameter: str) -> tree.Name:
    """Return the one name in a text; raises Wrong, naming the parameter."""
    found = names(text, parameter)
    if len(found) != 1:
        raise Wrong(f"{parameter} is one field's name, not {shown(text)}", parameter)
    return found[0]


def field(text: str, signal: Signal, parameter: str) -> Kind | AttributeField:
    """Return the field or attribute of that name; raises Wrong, naming the parameter."""
    found = name(text, parameter)
    kind = None if found.quoted else COLUMNS[signal].get(found.key)
    if kind is not None:
        return kind
    try:
        return AttributeField(*named(found, signal))
    except WrongQuery as error:
        reason = str(error).partition(": ")[2]
        raise Wrong(f"{parameter}: {reason}", parameter) from None
