"""HTML from Jinja2 templates: every value is escaped, whoever wrote it."""

from functools import lru_cache

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

_ENVIRONMENT = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def render(template: str, **values: object) -> Markup:
    """The HTML of a template. A value stands in it as text; only what was rendered before stays as it is.

    Raises jinja2.UndefinedError for a name that the template uses and nobody gave.

    >>> render("<b>{{ name }}</b>", name="<script>")
    Markup('<b>&lt;script&gt;</b>')
    """
    return Markup(_compiled(template).render(values))  # noqa: S704 - the template is ours, and its values are escaped


@lru_cache
def _compiled(template: str) -> Template:
    return _ENVIRONMENT.from_string(template)
