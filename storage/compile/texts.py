"""Values as the texts that stored attributes have."""

from pipeline.plan import Scalar
from pipeline.value import double_text


def texts(value: Scalar) -> list[str]:
    """Return every text that an equal value may have."""
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, (int, float)):
        found = [double_text(float(value))]
        if value == int(value):
            found.append(str(int(value)))
        return found if value else [*found, "-0.0", "0.0"]
    return [str(value)]
