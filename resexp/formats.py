"""Numbers as text, the same in the terminal and in the report."""

import math
from collections.abc import Callable, Iterable


def loss_text(value: float | None) -> str:
    """Return a loss to three significant digits; `–` if it is None or not finite."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0 or 1e-4 <= abs(value) < 1000:
        return f"{value:#.3g}".rstrip(".")
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e5 else f"{value:.1e}"


def accuracy_text(value: float | None) -> str:
    """Return an accuracy or a score to three decimals; `–` if it is None."""
    return "–" if value is None else f"{value:.3f}"


def duration(seconds: float | None) -> str:
    """Return a time: `4.2 s`, `3 min 20 s`, `2 h 05 min`; `–` if it is None."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def scaled(count: float, unit: str) -> str:
    """Return a count to three digits with its prefix: `1.52 GFLOP`, `640 kB`."""
    prefixes = (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3))
    prefix, size = next(((p, s) for p, s in prefixes if count >= s), ("", 1.0))
    return f"{f'{count / size:#.3g}'.rstrip('.')} {prefix}{unit}" if prefix else f"{count:g} {unit}"


def power_of_ten(exponent: int) -> str:
    """Return a power of ten in plain text: `10⁶`."""
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def listed(words: list[str]) -> str:
    """Return words as a list: `a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def depth_text(depth: float) -> str:
    """Return a depth, which may be fractional: `5.4`, `31`."""
    return f"{depth:.1f}" if depth < 9.95 else f"{depth:.0f}"


def plural(count: int, noun: str, plural_noun: str | None = None) -> str:
    """Return a count with its noun: `1 seed`, `3 seeds`. `plural_noun` is needed if the plural is not the noun + s."""
    return f"{count:,} {noun if count == 1 else plural_noun or noun + 's'}"


def seeds_text(seeds: Iterable[int]) -> str:
    """Return `seed 0`, `seeds 0, 1 and 2`."""
    numbers = [str(seed) for seed in seeds]
    return f"{'seed' if len(numbers) == 1 else 'seeds'} {listed(numbers)}"


def interval_text(
    low: float | None, high: float | None, text: Callable[[float], str] = depth_text, separator: str = " to "
) -> str:
    """Return an interval: `24 to 40`; `24` if both ends read the same; `52 or more`, `5.1 or less` if one end is None.

    Args:
        low, high: the ends.
        text: formats an end.
        separator: stands between the ends.

    """
    if low is None or high is None:
        return f"{text(low)} or more" if low is not None else f"{text(high)} or less" if high is not None else "unknown"
    return separator.join(dict.fromkeys((text(low), text(high))))


def percent_interval_text(low: float, high: float, separator: str = " to ") -> str:
    """Return an interval of a share in [0, 1]: `57 to 100 %`."""
    return f"{interval_text(100 * low, 100 * high, '{:.0f}'.format, separator)} %"
