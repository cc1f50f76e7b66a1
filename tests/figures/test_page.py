import re
from html.parser import HTMLParser

import jinja2
import pytest
from matplotlib.figure import Figure

from svhn.figures.page import GOOD, INK, LINE, MUTED, WARN, render_page, svg_of


def test_what_is_shown_is_escaped_and_must_be_given():
    assert "<title>&lt;b&gt; &amp; &#34;</title>" in render_page("page.html.j2", title='<b> & "')
    with pytest.raises(jinja2.UndefinedError):
        render_page("page.html.j2")


def test_a_page_is_light_and_dark_and_loads_nothing():
    text = render_page("page.html.j2", title="x")
    assert "prefers-color-scheme: dark" in text and 'lang="en"' in text
    assert not any(words in text for words in ("http", "<script", "url(", "<link", "@import"))


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = {}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.setdefault(tag, dict(attributes))


def draw(words):
    figure = Figure(figsize=(2, 1))
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    axes.plot([1, 2], [1, 2], color=GOOD)
    axes.set_title(words)
    return figure


def test_a_figure_stands_in_a_page_with_words_for_who_cannot_see_it():
    svg = svg_of(draw("a < b"), 'the "curve"')
    tags = Tags(svg).found
    assert tags["svg"]["role"] == "img" and tags["svg"]["aria-label"] == 'the "curve"'
    assert svg.startswith("<svg") and "a &lt; b" in svg  # text, not outlines
    assert "http" not in svg
    assert svg == svg_of(draw("a < b"), 'the "curve"')


def test_figures_of_one_page_share_its_colours_and_no_ids():
    first, second = (svg_of(draw("x"), label) for label in ("first", "second"))
    assert "stroke: var(--good)" in first and GOOD not in first
    ids = [set(re.findall(r' id="([^"]+)"', svg)) for svg in (first, second)]
    assert ids[0] and not ids[0] & ids[1]


def test_the_page_has_a_light_value_as_the_figures_and_a_dark_one_for_every_colour():
    text = render_page("page.html.j2", title="x")
    for name, colour in {"ink": INK, "muted": MUTED, "line": LINE, "good": GOOD, "warn": WARN}.items():
        light, dark = re.findall(rf"--{name}: (#\w+);", text)
        assert light == colour != dark
