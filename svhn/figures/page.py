"""HTML pages that load nothing from elsewhere: Jinja2's templates in `templates/`, light and dark.

A page extends `page.html.j2`, which brings head, basic style and colours. Values are escaped; what is HTML already is
`Markup`.
"""

import io
import re
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Colours that `svg_of` gives over to the page, which has a light and a dark value for each; see `page.html.j2`.
INK, MUTED, LINE, GOOD, WARN = "#1c2733", "#5d6a76", "#dde3e8", "#0b7a75", "#b3261e"
_VARIABLES = {INK: "var(--ink)", MUTED: "var(--muted)", LINE: "var(--line)", GOOD: "var(--good)", WARN: "var(--warn)"}
# HTML needs no namespaces, and a page with several figures must not hold matplotlib's numbered ids twice.
_NOT_FOR_HTML = re.compile(r' xmlns(:\w+)?="[^"]*"| id="[\w.]+_\d+"')
_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("svhn.figures"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render_page(template: str, **values: Any) -> str:
    """Return a page as HTML.

    Parameters
    ----------
    template : str
        Name of a file in `templates/`, for example "sweep.html.j2".
    **values
        What the template shows; one that it asks for and that is not given is an error.
    """
    return _TEMPLATES.get_template(template).render(values)


def svg_of(figure: "Figure", label: str) -> Markup:
    """Return a figure as SVG to stand in a page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What is drawn in one of this module's colours takes the page's, light or dark.
    label : str
        What the figure shows, for people who cannot see it; different for each figure of a page.
    """
    from matplotlib import rc_context

    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": label}):
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = buffer.getvalue()
    drawn = _NOT_FOR_HTML.sub("", text[text.index("<svg") + len("<svg") :])
    for colour, variable in _VARIABLES.items():
        drawn = drawn.replace(colour, variable)
    return Markup('<svg role="img" aria-label="{}"').format(label) + Markup(drawn)
