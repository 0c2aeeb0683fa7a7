"""Template tags of the interface, available in every template. docs/components.md explains their use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

from django import template
from django.core.paginator import Page
from django.forms import BoundField, Form
from django.forms.boundfield import BoundWidget
from django.forms.widgets import CheckboxInput, CheckboxSelectMultiple, Input, RadioSelect, Select
from django.http import QueryDict
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from web import formats

register = template.Library()

# A tone that is not listed is shown as unknown, never as ok.
TONE_ICONS = {
    "ok": "circle-check",
    "warn": "alert-triangle",
    "bad": "circle-x",
    "info": "info-circle",
    "busy": "loader-2",
    "idle": "clock",
    "unknown": "help",
}
# Sorting, filtering and paging replace only the list, which is in #results.
RESULTS = mark_safe('hx-target="#results" hx-select="#results" hx-swap="outerHTML" hx-push-url="true"')
ORDERING = "ordering"


def known_tone(tone: object) -> str:
    return str(tone) if tone in TONE_ICONS else "unknown"


@cache
def _sprite() -> str:
    """The URL of the icon sprite, looked up once because a page shows about a hundred icons."""
    return static("vendor/icons.svg")


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of static/icons.txt. Without ``label`` it is hidden from screen readers: they read the text beside it."""
    href = f"{_sprite()}#{name}"
    if label:
        return format_html('<svg class="icon" role="img" aria-label="{}"><use href="{}"/></svg>', label, href)
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}"/></svg>', href)


@register.simple_tag
def badge(tone: str, text: str, icon_name: str = "") -> SafeString:
    """A status badge with the text, colour and icon of its tone; ``icon_name`` replaces the icon."""
    tone = known_tone(tone)
    shown = icon(icon_name or TONE_ICONS[tone])
    return format_html('<span class="sw-badge sw-tone-{}">{}<span>{}</span></span>', tone, shown, text)


@register.simple_tag
def tone_icon(tone: str) -> SafeString:
    return icon(TONE_ICONS[known_tone(tone)])


@register.filter
def tone_class(tone: object) -> str:
    """The CSS class that gives an element the colours of a tone."""
    return f"sw-tone-{known_tone(tone)}"


@register.filter
def message_tone(level_tag: str) -> str:
    """The tone of a message of django.contrib.messages."""
    return {"success": "ok", "warning": "warn", "error": "bad"}.get(level_tag, "info")


@register.simple_tag
def toast_tones() -> list[str]:
    return list(TONE_ICONS)


# -- values --------------------------------------------------------------------------------------


@register.simple_tag
def when(moment: datetime | Literal[""] | None, none: str = formats.NOTHING) -> str:
    """A relative time with the exact time in the tooltip; ``none`` if there is no time.

    Templates pass "" for a time of a related row that does not exist.
    """
    if not moment:
        return none
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        formats.machine(moment),
        formats.exact(moment),
        formats.relative(moment, timezone.now()),
    )


@register.simple_tag
def clock_time(moment: datetime) -> str:
    """The time of day to the second, for log lines; the tooltip has the date."""
    machine, exact = formats.machine(moment), formats.exact(moment)
    return format_html('<time datetime="{}" title="{}">{}</time>', machine, exact, exact.split(" ")[1])


@register.filter
def duration(span: float | timedelta | None) -> str:
    return formats.duration(span)


@register.filter
def filesize(size_bytes: float | None) -> str:
    return formats.filesize(size_bytes)


@register.filter
def json(value: Any) -> str:
    """Indented JSON; it is escaped like any other text."""
    return formats.pretty_json(value)


@register.filter
def breakable(path: object) -> SafeString:
    """A dotted path that can wrap after each dot."""
    return format_html_join(mark_safe(".<wbr>"), "{}", ((part,) for part in str(path).split(".")))


@register.simple_tag
def avatar(name: str) -> SafeString:
    return format_html('<span class="sw-avatar" aria-hidden="true">{}</span>', formats.initials(name))


# -- lists: sort, filter, page -------------------------------------------------------------------


def _query_with(query: QueryDict, **changes: str) -> str:
    """``query`` with ``changes`` and without its page number; an empty value removes the key."""
    changed = query.copy()
    changed.pop("page", None)
    for name, value in changes.items():
        if value:
            changed[name] = value
        else:
            changed.pop(name, None)
    return f"?{changed.urlencode()}"


@register.simple_tag(takes_context=True)
def sort_header(context: template.Context, name: str, label: str, align: str = "start") -> SafeString:
    """A ``<th>`` that sorts by ``name``. The current order is ``ordering`` of the context, or else of the URL."""
    query: QueryDict = context["request"].GET
    now = str(context.get(ORDERING) or query.get(ORDERING, ""))
    state, follow, arrow = "none", name, "arrows-sort"
    if now == name:
        state, follow, arrow = "ascending", f"-{name}", "arrow-up"
    elif now == f"-{name}":
        state, arrow = "descending", "arrow-down"
    href = _query_with(query, **{ORDERING: follow})
    return format_html(
        '<th scope="col" class="text-{}" aria-sort="{}">'
        '<a class="sw-sort" id="sort-{}" href="{}" hx-get="{}" {}>{}{}</a></th>',
        align,
        state,
        name,
        href,
        href,
        RESULTS,
        label,
        icon(arrow),
    )


@register.simple_tag
def results_attrs() -> SafeString:
    """The htmx attributes of a link or form that reloads the list in ``#results``."""
    return RESULTS


@register.simple_tag(takes_context=True)
def page_link(context: template.Context, number: int, icon_name: str = "", label: str = "") -> SafeString:
    """A link to page ``number`` of the list that keeps the filters and the order."""
    query = context["request"].GET.copy()
    query["page"] = str(number)
    href = f"?{query.urlencode()}"
    text = icon(icon_name, label) if icon_name else str(number)
    return format_html('<a href="{}" hx-get="{}" {}>{}</a>', href, href, RESULTS, text)


@register.simple_tag
def page_numbers(page: Page[Any]) -> list[int | str]:
    """The page numbers to show; the paginator's ellipsis stands for omitted ones."""
    return list(page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1))


@dataclass(frozen=True)
class ActiveFilter:
    label: str
    value: str
    clear_url: str


def _shown(bound: BoundField, values: list[str]) -> str:
    """The labels of ``values`` in the form's choices."""
    choices = {str(value): str(text) for value, text in getattr(bound.field, "choices", [])}
    return ", ".join(choices.get(value, value) for value in values)


@register.simple_tag
def active_filters(form: Form) -> list[ActiveFilter]:
    """The filters in use: label, value and the URL that removes the filter."""
    query = form.data if isinstance(form.data, QueryDict) else QueryDict()
    found = []
    for bound in form:
        values = [value for value in query.getlist(bound.html_name) if value]
        if values and bound.name != ORDERING:
            clear = _query_with(query, **{bound.html_name: ""})
            found.append(ActiveFilter(str(bound.label), _shown(bound, values), clear))
    return found


@register.simple_tag
def live(url: str, every_s: int = 1) -> SafeString:
    """The attributes of a fragment that replaces itself every ``every_s`` seconds. Omit them once it is final."""
    return format_html('data-live hx-get="{}" hx-trigger="every {}s" hx-swap="outerHTML"', url, every_s)


# -- forms ---------------------------------------------------------------------------------------


def _kind(bound: BoundField) -> str:
    widget = bound.field.widget
    if isinstance(widget, CheckboxInput):
        return "switch"
    if isinstance(widget, RadioSelect | CheckboxSelectMultiple):
        return "choices"
    return "select" if isinstance(widget, Select) else "input"


CLASSES = {
    "switch": "form-check-input",
    "choices": "form-check-input",
    "select": "form-select",
    "input": "form-control",
}


def _input_attrs(bound: BoundField, kind: str) -> dict[str, str | bool]:
    described = [f"{bound.auto_id}_helptext"] if bound.help_text else []
    described += [f"{bound.auto_id}_error"] if bound.errors else []
    own = bound.field.widget.attrs.get("class", "")
    attrs: dict[str, str | bool] = {
        "class": " ".join(filter(None, [CLASSES[kind], own, "is-invalid" if bound.errors else ""]))
    }
    if described:
        attrs["aria-describedby"] = " ".join(described)
    if bound.errors:
        attrs["aria-invalid"] = "true"
    if kind == "switch":
        attrs["role"] = "switch"
    return attrs


@register.simple_tag
def filter_input(bound: BoundField) -> SafeString:
    """The compact input of a filter, without help text; ``q`` becomes a search box."""
    attrs: dict[str, str | bool] = {"class": CLASSES[_kind(bound)]}
    widget = bound.field.widget
    if bound.name == "q" and isinstance(widget, Input):
        widget.input_type = "search"  # in attrs it would be a second type attribute, which browsers ignore
        attrs["autocomplete"] = "off"
    return bound.as_widget(attrs=attrs)


@register.simple_tag
def choice_input(option: BoundWidget) -> SafeString:
    """One radio button or checkbox of a group."""
    option.data["attrs"]["class"] = CLASSES["choices"]
    return option.tag()


@register.inclusion_tag("ui/_field.html")
def field(bound: BoundField) -> dict[str, Any]:
    """A form field with label, help and errors. A single checkbox becomes a switch; choices become a group."""
    kind = _kind(bound)
    attrs = _input_attrs(bound, kind)
    widget = "" if kind == "choices" else bound.as_widget(attrs=attrs)
    return {"field": bound, "kind": kind, "widget": widget, "described_by": attrs.get("aria-describedby", "")}


@dataclass(frozen=True)
class ChoiceCard:
    id: str
    value: str
    title: str
    text: str
    checked: bool


@register.inclusion_tag("ui/_choice_cards.html")
def choice_cards(bound: BoundField, texts: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The choices of a radio field as cards, except the empty one. ``texts`` has a description for each value."""
    texts = texts or {}
    chosen = str(bound.value() or "")
    cards = [
        ChoiceCard(f"{bound.auto_id}_{index}", str(value), str(title), texts.get(str(value), ""), str(value) == chosen)
        for index, (value, title) in enumerate(bound.field.choices)  # type: ignore[attr-defined]  # a choice field
        if str(value)
    ]
    described = _input_attrs(bound, "choices").get("aria-describedby", "")
    return {"field": bound, "cards": cards, "described_by": described}
