"""The buckets of histograms as segments of the line, and quantiles of what they counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from storage.ranges.groups import Numbers
from storage.ranges.growth import Growth

_LARGEST: Final = float(np.finfo(np.float64).max)
_COARSEST: Final = -11
"""Below this scale one bucket holds every double."""


@dataclass(frozen=True, slots=True)
class Segments:
    """So many values of a cell lie between two bounds; in one place where these are equal."""

    cells: Numbers
    lower: Numbers
    upper: Numbers
    counts: Numbers


def joined(parts: list[Segments]) -> Segments:
    """Put segments together, equal ones as one."""
    cells, lower, upper, counts = (
        np.concatenate([getattr(one, name) for one in parts])
        for name in ("cells", "lower", "upper", "counts")
    )
    order = np.lexsort((upper, lower, cells))
    cells, lower, upper, counts = cells[order], lower[order], upper[order], counts[order]
    differs = np.append(True, (np.diff(cells) > 0) | (np.diff(lower) > 0) | (np.diff(upper) > 0))
    firsts = np.flatnonzero(differs[: len(cells)])
    totals = np.add.reduceat(counts, firsts) if len(firsts) else counts
    # What was taken away of more than was there (buckets that shrank) counts for nothing.
    chosen, some = firsts[totals > 0], totals > 0
    return Segments(cells[chosen], lower[chosen], upper[chosen], totals[some])


def explicit(growth: Growth) -> Segments:
    """Return what the buckets of explicit bounds counted."""
    rows = growth.rows
    points, places, counts = _flat(rows["bucket_counts"])
    bounds: Any = rows["explicit_bounds"].combine_chunks()
    starts = bounds.offsets.to_numpy() - bounds.offsets[0].as_py()
    values = bounds.flatten().to_numpy()
    sizes = np.diff(starts)
    bounded = sizes[points] > 0  # one bucket of everything tells nothing
    points, places, counts = points[bounded], places[bounded], counts[bounded]
    first, size = starts[:-1][points], sizes[points]
    upper = values[first + np.minimum(places, size - 1)]
    lower = values[first + np.maximum(np.minimum(places, size) - 1, 0)]
    # From below the first bound nothing is known but its sign; above the last, not even that.
    lower = np.where(places == 0, np.where(upper > 0, 0.0, upper), lower)
    lower = np.where(places >= size, upper, lower)
    cells, signs, chosen = _grown(growth, points)
    return Segments(cells, lower[chosen], upper[chosen], counts[chosen] * signs)


def exponential(growth: Growth) -> Segments:
    """Return what the buckets of exponential histograms counted, each pair at one scale."""
    rows = growth.rows
    scale = rows["scale"].to_numpy().astype(np.int64)
    parts = [_zero(growth)]
    pair = np.where(growth.before >= 0, np.minimum(scale, scale[growth.before]), scale)
    _, cell = np.unique(growth.cells, return_inverse=True)
    smallest = np.full(cell.max(initial=-1) + 1, 64, np.int64)
    np.minimum.at(smallest, cell[growth.adds], pair[growth.adds])
    common = np.maximum(smallest[cell], _COARSEST)
    for side, sign in (("positive", 1), ("negative", -1)):
        points, places, counts = _flat(rows[f"{side}_bucket_counts"])
        offset = rows[f"{side}_offset"].to_numpy().astype(np.int64)
        cells, signs, chosen, adding = _grown(growth, points, with_points=True)
        to = common[adding]
        index = (offset[points] + places)[chosen] >> np.clip(scale[points][chosen] - to, 0, 62)
        lower, upper = _border(index, to), _border(index + 1, to)
        if sign < 0:
            lower, upper = -upper, -lower
        parts.append(Segments(cells, lower, upper, counts[chosen] * signs))
    return joined(parts)


def quantiles(segments: Segments, quantile: float) -> tuple[Numbers, Numbers]:
    """Return the cells, each with its quantile; the segments are those that `joined` made."""
    cells, lower, upper = segments.cells, segments.lower, segments.upper
    counts = segments.counts
    found, firsts = np.unique(cells, return_index=True)
    values = np.empty(len(found))
    borders = np.append(firsts, len(cells))
    for at in range(len(found)):
        one = slice(borders[at], borders[at + 1])
        values[at] = _quantile(lower[one], upper[one], counts[one], quantile)
    return found, values


def _quantile(lower: Numbers, upper: Numbers, counts: Numbers, quantile: float) -> float:
    rank = quantile * counts.sum()
    if (upper[:-1] > lower[1:]).any():  # bounds of several histograms: cut them at each other
        lower, upper, counts = _cut(lower, upper, counts)
    below = np.cumsum(counts)
    at = min(int(np.searchsorted(below, rank)), len(counts) - 1)
    share = (rank - (below[at] - counts[at])) / counts[at]
    return float(lower[at] + (upper[at] - lower[at]) * min(max(share, 0.0), 1.0))


def _cut(lower: Numbers, upper: Numbers, counts: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return segments that do not overlap, each with its share of those that it was in."""
    borders = np.unique(np.concatenate((lower, upper)))
    wide = upper > lower
    pieces = np.zeros(len(borders) - 1)
    first, last = np.searchsorted(borders, lower), np.searchsorted(borders, upper)
    lengths = np.diff(borders)
    for at in np.flatnonzero(wide):
        part = slice(first[at], last[at])
        pieces[part] += counts[at] * lengths[part] / (upper[at] - lower[at])
    points = np.zeros(len(borders))
    np.add.at(points, first[~wide], counts[~wide])
    # Each border as a place of its own, then the piece behind it.
    whole = np.empty(len(points) + len(pieces))
    whole[0::2], whole[1::2] = points, pieces
    lows, highs = np.repeat(borders, 2)[:-1], np.repeat(borders, 2)[1:]
    highs[0::2] = borders
    some = whole > 0
    return lows[some], highs[some], whole[some]


def _zero(growth: Growth) -> Segments:
    """Return what lies about zero."""
    threshold = growth.rows["zero_threshold"].to_numpy()
    adds = growth.adds
    counts = growth.of("zero_count")[adds]
    return Segments(growth.cells[adds], -threshold[adds], threshold[adds] + 0.0, counts)


def _border(index: Numbers, scale: Numbers) -> Numbers:
    """Return the lower bound of a bucket: 2^(index * 2^-scale)."""
    with np.errstate(over="ignore"):
        border: Numbers = np.minimum(np.exp2(index * np.exp2(-scale.astype(np.float64))), _LARGEST)
    return border


def _flat(lists: Any) -> tuple[Numbers, Numbers, Numbers]:
    """Return each element of a column of lists: its point, its place in the list, its count."""
    whole = lists.combine_chunks()
    sizes = np.diff(whole.offsets.to_numpy())
    points = np.repeat(np.arange(len(sizes)), sizes)
    places = np.arange(len(points)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return points, places, whole.flatten().to_numpy().astype(np.float64)


def _grown(growth: Growth, points: Numbers, *, with_points: bool = False) -> Any:
    """
    Return where and with which sign the elements of points count, and which elements they are.

    An element counts for its own point, and against the one that is compared with it.
    """
    after = np.full(len(growth.before), -1)
    compared = growth.adds & (growth.before >= 0)
    after[growth.before[compared]] = np.flatnonzero(compared)
    elements = np.arange(len(points))
    own = growth.adds[points]
    against = after[points] >= 0
    adding = np.concatenate((points[own], after[points[against]]))
    chosen = np.concatenate((elements[own], elements[against]))
    signs = np.concatenate((np.ones(own.sum()), -np.ones(against.sum())))
    found = (growth.cells[adding], signs, chosen)
    return (*found, adding) if with_points else found
