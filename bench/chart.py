"""A bar chart as SVG: a bar for each contestant's median, with a whisker down to its least round."""
import math
from xml.sax.saxutils import escape

WIDTH = 760
LEFT, RIGHT = 130, 130  # room for names, for figures
TOP, ROW, BAR = 76, 38, 22
BOTTOM = 64
TICKS_N = 5
OWN, OTHER, FLOOR = "#4aa3bf", "#9aa5b1", "#d9c9a3"
INK, GRID, LIMIT = "#222222", "#dddddd", "#b3261e"
STYLE = "font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\""


def tick_step(most):
    """A round step: 1, 2 or 5 times a power of ten."""
    rough = most / TICKS_N
    power = 10 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)


def show(value, digits=None):
    """Three digits, or as few as a round number of the axis needs."""
    if digits is None:
        digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"


def text(x, y, words, size=13, anchor="start", colour=INK, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}" '
            f'font-weight="{weight}">{escape(words)}</text>')


def line(x1, y1, x2, y2, colour, width=1, dashes=""):
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
            f'stroke-width="{width}"{dash}/>')


def colour_of(name):
    if name.startswith("weldr"):
        return OWN
    return FLOOR if name == "relay" else OTHER


def grid(step, most, scale, bottom, unit):
    parts = []
    digits = max(0, -math.floor(math.log10(step)))
    for i in range(int(most / step + 0.5) + 1):
        x = LEFT + i * step * scale
        parts.append(line(x, TOP - 6, x, bottom, GRID))
        parts.append(text(x, bottom + 16, show(i * step, digits), 11, "middle"))
    parts.append(text(LEFT + most * scale / 2, bottom + 34, f"{unit}; less is better", 12, "middle"))
    return parts


def bar(index, name, median, least, scale):
    y = TOP + index * ROW
    middle = y + BAR / 2
    end = LEFT + max(median, 0) * scale
    parts = [
        text(LEFT - 10, middle + 5, name, 13, "end", weight="bold" if name.startswith("weldr") else "normal"),
        f'<rect x="{LEFT}" y="{y}" width="{end - LEFT:.1f}" height="{BAR}" fill="{colour_of(name)}"/>',
    ]
    words = show(median)
    if least is not None:
        low = LEFT + max(least, 0) * scale
        parts += [line(low, middle, end, middle, INK, 1.5), line(low, middle - 5, low, middle + 5, INK, 1.5)]
        words += f" (least {show(least)})"
    return [*parts, text(end + 8, middle + 5, words, 12)]


def limit_mark(limit, name, names, scale):
    """The most that the named one's bar may reach."""
    y = TOP + names.index(name) * ROW
    x = LEFT + limit * scale
    return [line(x, y - 6, x, y + BAR + 6, LIMIT, 2, "4 2")]


def draw(title, subtitle, unit, rows, limit=None):
    """`rows` are (name, median, least or None); `limit` is (name, value) or None. Returns the SVG's text."""
    top = max([median for _, median, _ in rows] + ([limit[1]] if limit else []) + [1e-9])
    step = tick_step(top)
    most = math.ceil(top / step - 1e-9) * step
    scale = (WIDTH - LEFT - RIGHT) / most
    bottom = TOP + len(rows) * ROW - (ROW - BAR) + 8
    height = bottom + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" {STYLE}>',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        text(20, 28, title, 16, weight="bold"), text(20, 48, subtitle, 12),
        *grid(step, most, scale, bottom, unit),
    ]
    for index, (name, median, least) in enumerate(rows):
        parts += bar(index, name, median, least, scale)
    if limit:
        parts += limit_mark(limit[1], limit[0], [row[0] for row in rows], scale)
        parts.append(text(LEFT, height - 10, f"dashed: what {limit[0]} may take at most, from its limits in this run",
                          11, colour=LIMIT))
    return "\n".join([*parts, "</svg>", ""])
