"""The `redaction` processor: take out attributes, and mask what must not be stored.

======================  ===========================================================================
option                  meaning
======================  ===========================================================================
`allow_all_keys`        true: keep every key; false (the default): only those of `allowed_keys`
`allowed_keys`          keys that are kept; attributes with another one are taken out
`ignored_keys`          keys whose attributes pass as they are
`ignored_key_patterns`  patterns over keys whose attributes pass as they are
`blocked_key_patterns`  patterns over keys whose values are masked whole, of whatever type
`blocked_values`        patterns over strings; what they find is masked
`allowed_values`        patterns over strings; a value that one of them matches passes as it is
`redact_all_types`      true: other values than strings count as well, by their text
`masking_string`        what stands for what was masked; `****` by default
`hash_function`         what stands there instead: `md5`, `sha1`, `sha3` (256 bits), `hmac-sha256`
                        or `hmac-sha512` of it, in hexadecimal
`hmac_key`              the key of the latter two: at least 32 and 64 bytes
`summary`               `silent`; `info` and `debug` are refused
======================  ===========================================================================

`url_sanitizer` and `db_sanitizer` are refused: not available. Patterns are RE2, found anywhere, and
applied in their order; the first of the options above that fits decides, but `allowed_values` comes
before `blocked_key_patterns`.

It looks at the attributes of resources, scopes, records, events, links and exemplars, at metrics'
metadata and at log bodies; in a body that is a map or an array at every level, its keys like
those of attributes, and at values of every type. Names, status messages and trace states are no
attributes. The Collector leaves links, exemplars and metadata alone, and so it does strings inside
an attribute's array or map, which are masked here (their keys are not taken out), in their place.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, SecretStr, model_validator

from pipeline.batch import Batch
from pipeline.ports import Processor
from pipeline.processors import envelopes
from pipeline.processors.arrays import Arrow, Mask, Numbers, from_arrow, to_arrow
from pipeline.processors.attributes import Pattern
from pipeline.processors.conversion import as_string
from pipeline.processors.elements import Elements, Kinds
from pipeline.processors.masking import HASHES, KEYED, Masking, hashed
from pipeline.processors.options import Options, Unavailable
from pipeline.signal import Signal
from pipeline.value import ARRAY, KVLIST, STRING, Map, Value, decode, encode

_KEY_BYTES: Final = {"hmac-sha256": 32, "hmac-sha512": 64}
_NESTED: Final = {"events": "attributes", "links": "attributes", "exemplars": "filtered_attributes"}

# What becomes of the values of a key.
_OPEN, _TAKEN_OUT, _PASSES, _BLOCKED = range(4)


class Redaction(Options):
    """The options of `redaction`; the module's table says what they mean."""

    signals: ClassVar[frozenset[Signal]] = frozenset(Signal)

    allow_all_keys: bool = False
    allowed_keys: tuple[str, ...] = ()
    ignored_keys: tuple[str, ...] = ()
    ignored_key_patterns: tuple[Pattern, ...] = ()
    blocked_key_patterns: tuple[Pattern, ...] = ()
    blocked_values: tuple[Pattern, ...] = ()
    allowed_values: tuple[Pattern, ...] = ()
    redact_all_types: bool = False
    masking_string: str = ""
    hash_function: Annotated[
        Literal["", "md5", "sha1", "sha3", "hmac-sha256", "hmac-sha512"],
        BeforeValidator(lambda raw: raw.lower() if isinstance(raw, str) else raw),
    ] = ""
    hmac_key: SecretStr = SecretStr("")
    summary: Literal["", "silent"] = ""
    url_sanitizer: Unavailable = None
    db_sanitizer: Unavailable = None

    @model_validator(mode="after")
    def _fitting(self) -> "Redaction":
        least = _KEY_BYTES.get(self.hash_function)
        given = len(self.hmac_key.get_secret_value().encode())
        if least is None and given:
            raise ValueError("hmac_key has an effect with an hmac as hash_function only")
        if least is not None and given < least:
            raise ValueError(f"hmac_key must have at least {least} bytes, not {given}")
        if self.masking_string and self.hash_function:
            raise ValueError("takes either masking_string or hash_function, not both")
        return self

    def build(self) -> Processor:
        """Return the processor."""
        name = self.hash_function
        known = name in HASHES or name in KEYED
        return Redact(
            self,
            Masking(
                self.blocked_values,
                self.allowed_values,
                self.masking_string or "****",
                hashed(name, self.hmac_key.get_secret_value()) if known else None,
            ),
        )


@dataclass
class Redact:
    """Redact every column that holds attributes, and log bodies; takes no record out."""

    options: Redaction
    masking: Masking
    drops: Literal["filtered", "sampled"] = "filtered"

    def __call__(self, batch: Batch) -> Batch:
        """Return the batch redacted."""
        names = set(batch.rows.schema.names)
        for name, form in envelopes.FORMS.items():
            if name in names:
                column = batch.rows[name]
                batch = batch.with_column(name, envelopes.change(column, form, self._attributes))
        batch = batch.with_column("attributes", self._attributes(batch.rows["attributes"]))
        for name, inner in _NESTED.items():
            if name in names:
                column = _nested(batch.rows[name], inner, self._attributes)
                batch = batch.with_column(name, column)
        return self._bodies(batch) if "body" in names else batch

    def _attributes(self, column: Arrow) -> Arrow:
        elements = Elements(column)
        fates = elements.by_key(self._fates)
        elements.drop(np.flatnonzero(fates == _TAKEN_OUT))
        looked_at = fates == _OPEN
        if not self.options.blocked_values:
            # Only keys inside of arrays and maps can be blocked then.
            kinds = elements.kinds(np.arange(len(fates)))
            looked_at &= (kinds == ARRAY) | (kinds == KVLIST)
        left = np.flatnonzero(looked_at | (fates == _BLOCKED))
        if not len(left):
            return elements.close()
        words = elements.texts(left).dictionary_encode()
        pairs = from_arrow(words.indices).astype(np.int64) << 4 | elements.kinds(left) << 1
        pairs |= fates[left] == _BLOCKED
        distinct = to_arrow(pairs).dictionary_encode()
        codes = from_arrow(distinct.dictionary)
        texts = words.dictionary.take(to_arrow(codes >> 4))
        kinds = (codes >> 1 & 7).astype(np.uint8)
        new_kinds, new_texts = self._values(kinds, texts, codes & 1 == 1, bodies=False)
        same = from_arrow(pc.equal(new_texts, texts)) & (new_kinds == kinds)
        which = from_arrow(distinct.indices)
        changed = ~same[which]
        if changed.any():
            handles = elements.add(new_kinds, new_texts)
            elements.assign(left[changed], handles[which[changed]])
        return elements.close()

    def _bodies(self, batch: Batch) -> Batch:
        column: Arrow = batch.rows["body"]
        kinds: Arrow = batch.rows["body_type"]
        words = column.fill_null("").dictionary_encode()
        typed = from_arrow(words.indices).astype(np.int64) << 3 | from_arrow(kinds.fill_null(0))
        distinct = to_arrow(typed).dictionary_encode()
        codes = from_arrow(distinct.dictionary)
        old_texts = words.dictionary.take(to_arrow(codes >> 3))
        old_kinds = (codes & 7).astype(np.uint8)
        new_kinds, new_texts = self._values(
            old_kinds, old_texts, np.zeros(len(codes), dtype=bool), bodies=True
        )
        if new_texts.equals(old_texts) and (new_kinds == old_kinds).all():
            return batch
        body = new_texts.take(distinct.indices)
        if column.null_count:
            null = pc.and_(column.is_null(), pc.equal(body, pa.scalar("")))
            body = pc.if_else(null, pa.scalar(None, pa.utf8()), body)
        types = to_arrow(new_kinds).take(distinct.indices)
        return batch.with_column("body", body).with_column("body_type", types)

    def _values(
        self, kinds: Kinds, texts: Arrow, blocked: Mask, *, bodies: bool
    ) -> tuple[Kinds, Arrow]:
        """Return what becomes of distinct values, of attributes or of bodies."""
        every = bodies or self.options.redact_all_types
        other = np.flatnonzero(kinds != STRING).tolist()
        shown = _put(
            texts,
            other,
            [as_string(int(kinds[at]), texts[at].as_py()) if every else "" for at in other],
        )
        masked = self._masked(shown, blocked)
        changed = ~from_arrow(pc.equal(masked, shown))
        nested = np.flatnonzero(((kinds == ARRAY) | (kinds == KVLIST)) & ~blocked).tolist()
        changed[nested] = False
        new_texts = pc.if_else(to_arrow(changed), masked, texts)
        if nested:
            values = [decode(int(kinds[at]), texts[at].as_py()) for at in nested]
            leaf = self._leaf(values, every=every, bodies=bodies)
            walked = [self._walked(value, leaf, bodies=bodies) for value in values]
            new_texts = _put(new_texts, nested, [encode(value)[1] for value in walked])
        return np.where(changed, np.uint8(STRING), kinds), new_texts

    def _masked(self, texts: Arrow, blocked: Mask) -> Arrow:
        """Return texts as they may be stored; of blocked keys they are masked whole."""
        opened = self.masking.parts(texts)
        if self.masking.hash is None:
            opened = pc.if_else(to_arrow(blocked), self.masking.literal, opened)
        else:
            at = np.flatnonzero(blocked).tolist()
            opened = _put(opened, at, [self.masking.whole(texts[one].as_py()) for one in at])
        return pc.if_else(to_arrow(self.masking.allows(texts)), texts, opened)

    def _leaf(
        self, values: Iterable[Value], *, every: bool, bodies: bool
    ) -> Callable[[Value], Value]:
        """Return what becomes of the values inside of arrays and maps, all told at once."""
        seen: dict[str, None] = {}

        def text(value: Value) -> str | None:
            return as_string(*encode(value)) if every or isinstance(value, str) else None

        def note(value: Value) -> Value:
            shown = text(value)
            if shown is not None:
                seen[shown] = None
            return value

        for value in values:
            self._walked(value, note, bodies=bodies)
        texts = pa.array(list(seen), pa.utf8())
        masked = self._masked(texts, np.zeros(len(texts), dtype=bool)).to_pylist()
        became = dict(zip(seen, masked, strict=True))

        def leaf(value: Value) -> Value:
            shown = text(value)
            return value if shown is None or became[shown] == shown else became[shown]

        return leaf

    def _walked(self, value: Value, leaf: Callable[[Value], Value], *, bodies: bool) -> Value:
        """Return an array or a map with its values changed, the deepest ones first."""
        if isinstance(value, Map):
            kept = []
            for key, item in value:
                fate = self._fate(key)
                if fate == _TAKEN_OUT:
                    if bodies:
                        continue
                    # Attributes are chosen by their own keys, not by those inside of them.
                    fate = _BLOCKED if self._blocks(key) else _OPEN
                became = item
                if fate == _BLOCKED:
                    became = self.masking.whole(item if isinstance(item, str) else "")
                elif fate == _OPEN:
                    became = self._walked(item, leaf, bodies=bodies)
                kept.append((key, became))
            return Map(kept)
        if isinstance(value, list):
            return [self._walked(item, leaf, bodies=bodies) for item in value]
        return leaf(value)

    def _fates(self, keys: Arrow) -> Numbers:
        return np.array([self._fate(key) for key in keys.to_pylist()], dtype=np.uint8)

    def _fate(self, key: str) -> int:
        if key in self._known:
            return self._known[key]
        options = self.options
        if key in options.ignored_keys or _matches(key, options.ignored_key_patterns):
            fate = _PASSES
        elif not (options.allow_all_keys or key in options.allowed_keys):
            fate = _TAKEN_OUT
        else:
            fate = _BLOCKED if self._blocks(key) else _OPEN
        if len(key) <= _KNOWN_LENGTH_MAX:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            self._known[key] = fate
        return fate

    def _blocks(self, key: str) -> bool:
        return _matches(key, self.options.blocked_key_patterns)

    @cached_property
    def _known(self) -> dict[str, int]:
        return {}


_KNOWN_MAX: Final = 10_000
"""Keys whose fate is kept; senders choose keys, so there may be any number of them."""

_KNOWN_LENGTH_MAX: Final = 1024
"""Characters of the longest of them."""


def _matches(key: str, patterns: Iterable[str]) -> bool:
    text = pa.array([key], pa.utf8())
    return any(pc.match_substring_regex(text, pattern)[0].as_py() for pattern in patterns)


def _put(texts: Arrow, at: list[int], given: list[str]) -> Arrow:
    """Return texts with others at some places, which rise."""
    if not at:
        return texts
    chosen = np.zeros(len(texts), dtype=bool)
    chosen[at] = True
    return pc.replace_with_mask(texts, to_arrow(chosen), pa.array(given, pa.utf8()))


def _nested(column: Arrow, name: str, change: Callable[[Arrow], Arrow]) -> Arrow:
    """Return a list column with the attributes of its elements changed."""
    flat = column.flatten()
    if not len(flat):
        return column
    parts = flat.flatten()
    at = flat.type.get_field_index(name)
    changed = change(parts[at])
    if changed is parts[at]:
        return column
    parts[at] = changed
    null = flat.is_null() if flat.null_count else None
    elements = pa.StructArray.from_arrays(parts, fields=list(flat.type), mask=null)
    counted: Arrow = pc.list_value_length(column)
    offsets = np.zeros(len(column) + 1, dtype=np.int32)
    np.cumsum(from_arrow(counted.fill_null(0)), out=offsets[1:])
    mask = column.is_null() if column.null_count else None
    return pa.ListArray.from_arrays(to_arrow(offsets), elements, type=column.type, mask=mask)
