"""Colors, in light and dark, and what stands beside them for those who cannot tell them apart. Draws nothing."""

INK, MUTED, GRID, PAPER = "#1b1f23", "#5d6670", "#e1e5e9", "#ffffff"
ACCENT, BAR, NONE = "#1f6f8a", "#8a9099", "#c9ced4"

VERDICT_COLORS = {"trained": "#57b5a8", "slow": "#f8e08a", "stuck": "#dc7445", "diverged": "#704781"}
"""Ordered by lightness but for the best, so that any two differ for every kind of color vision, and in gray."""
VERDICT_INKS = {"trained": "#10302c", "slow": "#3b3108", "stuck": "#2e1003", "diverged": "#fdfaff"}
MARKS = {"trained": "✓", "slow": "…", "stuck": "■", "diverged": "×"}
HATCHES = {"trained": "", "slow": "--", "stuck": "///", "diverged": "xxx"}

DEPTHS = ("#d9902f", "#c9603f", "#ab4468", "#7d4592", "#4a4fa8", "#27407f")
"""From shallow to deep."""
Dash = tuple[float, ...]
DASHES: tuple[Dash, ...] = ((), (5, 1.5), (2.5, 1.2), (1, 1), (6, 1.5, 1, 1.5), (3, 1, 1, 1))
"""Of lines: on and off, in line widths; nothing for a solid one."""

DARK = {
    INK: "#e9ecef",
    MUTED: "#a4adb7",
    GRID: "#31373e",
    PAPER: "#15181b",
    ACCENT: "#7cc4dc",
    BAR: "#7d858e",
    NONE: "#4b535c",
    VERDICT_COLORS["diverged"]: "#8f63a2",
    DEPTHS[0]: "#f2b45f",
    DEPTHS[1]: "#ee8b62",
    DEPTHS[2]: "#e0729a",
    DEPTHS[3]: "#bb86d6",
    DEPTHS[4]: "#8f95f0",
    DEPTHS[5]: "#74a5ee",
}
"""The colors that differ where the background is dark."""

_RULES = [
    f'svg [style*="{key}: {light}"],svg [{key}="{light}"]{{{key}:{dark} !important}}'
    for light, dark in DARK.items()
    for key in ("fill", "stroke")
]
DARK_CSS = f"@media screen and (prefers-color-scheme: dark){{{''.join(_RULES)}}}"
"""What recolours an SVG that has its colors in style attributes, which other viewers than browsers understand."""


def depth_styles(count: int) -> list[tuple[str, Dash]]:
    """A color and a dash pattern for each of so many depths."""
    last = len(DEPTHS) - 1
    places = [round(n * last / max(1, count - 1)) for n in range(count)]
    return [(DEPTHS[place], DASHES[n % len(DASHES)]) for n, place in enumerate(places)]
