"""Colors of the figures, for light and dark backgrounds, with the marks and hatches that go with them."""

INK, MUTED, GRID, PAPER = "#1b1f23", "#5d6670", "#e1e5e9", "#ffffff"
ACCENT, REFERENCE, NONE = "#1f6f8a", "#8a9099", "#c9ced4"

VERDICT_COLORS = {"trained": "#57b5a8", "slow": "#f8e08a", "stuck": "#dc7445", "diverged": "#704781"}
"""Slow, stuck and diverged are ordered by lightness, so that verdicts differ for any color vision, and in gray."""
VERDICT_INKS = {"trained": "#10302c", "slow": "#3b3108", "stuck": "#2e1003", "diverged": "#fdfaff"}
MARKS = {"trained": "✓", "slow": "…", "stuck": "■", "diverged": "×"}
HATCHES = {"trained": "", "slow": "--", "stuck": "///", "diverged": "xxx"}

DEPTH_COLORS = ("#d9902f", "#c9603f", "#ab4468", "#7d4592", "#4a4fa8", "#27407f")
"""From shallow to deep."""
Dash = tuple[float, ...]
DASHES: tuple[Dash, ...] = ((), (5, 1.5), (2.5, 1.2), (1, 1), (6, 1.5, 1, 1.5), (3, 1, 1, 1))
"""Dash patterns: on and off lengths in line widths; empty for a solid line."""

DARK = {
    INK: "#e9ecef",
    MUTED: "#a4adb7",
    GRID: "#31373e",
    PAPER: "#15181b",
    ACCENT: "#7cc4dc",
    REFERENCE: "#7d858e",
    NONE: "#4b535c",
    VERDICT_COLORS["diverged"]: "#8f63a2",
    DEPTH_COLORS[0]: "#f2b45f",
    DEPTH_COLORS[1]: "#ee8b62",
    DEPTH_COLORS[2]: "#e0729a",
    DEPTH_COLORS[3]: "#bb86d6",
    DEPTH_COLORS[4]: "#8f95f0",
    DEPTH_COLORS[5]: "#74a5ee",
}
"""The color on a dark background, by the color on a light one."""

_RULES = [
    f'svg [style*="{key}: {light}"],svg [{key}="{light}"]{{{key}:{dark} !important}}'
    for light, dark in DARK.items()
    for key in ("fill", "stroke")
]
DARK_CSS = f"@media screen and (prefers-color-scheme: dark){{{''.join(_RULES)}}}"
"""CSS that recolors an SVG in dark mode. Colors are in style attributes, so that viewers without CSS show them."""


def depth_styles(count: int) -> list[tuple[str, Dash]]:
    """Return a color and a dash pattern for each of `count` depths."""
    last = len(DEPTH_COLORS) - 1
    indices = [round(n * last / max(1, count - 1)) for n in range(count)]
    return [(DEPTH_COLORS[index], DASHES[n % len(DASHES)]) for n, index in enumerate(indices)]
