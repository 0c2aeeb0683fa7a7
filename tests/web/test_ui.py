from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django import forms
from django.core.paginator import Paginator
from django.http import QueryDict
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from web.templatetags.ui import active_filters


def render(source: str, path: str = "/", **context: Any) -> str:
    return Template(source).render(Context({"request": RequestFactory().get(path), **context}))


class SampleForm(forms.Form):
    name = forms.CharField(help_text="Lower-case letters.")
    size = forms.ChoiceField(choices=[("", "Any"), ("s", "Small"), ("l", "Large")], widget=forms.RadioSelect)
    fast = forms.BooleanField(required=False)


class SampleFilter(forms.Form):
    q = forms.CharField(label="Search", required=False)
    team = forms.ChoiceField(choices=[("", "Any"), ("fraud", "Fraud")], required=False)
    ordering = forms.CharField(required=False)


def test_a_badge_has_a_tone_an_icon_and_a_text() -> None:
    html = render('{% badge "ok" "Ready" %}')
    assert "sw-tone-ok" in html
    assert "#circle-check" in html
    assert "<span>Ready</span>" in html


@pytest.mark.parametrize("tone", ["", None, "green", "OK", 3])
def test_a_tone_nobody_knows_is_unknown_and_never_ok(tone: object) -> None:
    html = render('{% badge tone "Ready" %}<p class="{{ tone|tone_class }}"></p>', tone=tone)
    assert html.count("sw-tone-unknown") == 2
    assert "sw-tone-ok" not in html


def test_the_text_of_a_badge_is_escaped() -> None:
    assert "&lt;b&gt;" in render('{% badge "ok" text %}', text="<b>")


def test_an_icon_speaks_only_when_it_has_a_label() -> None:
    assert 'aria-hidden="true"' in render('{% icon "x" %}')
    assert 'role="img" aria-label="Close"' in render('{% icon "x" "Close" %}')


def test_a_time_carries_the_exact_one() -> None:
    moment = timezone.now() - timedelta(minutes=3, seconds=5)
    html = render("{% when moment %}", moment=moment)
    assert ">3 min ago</time>" in html
    assert f'title="{moment:%Y-%m-%d %H:%M:%S} UTC"' in html


def test_no_time_says_so() -> None:
    assert render('{% when None "never" %}') == "never"
    assert render('{% when row.listing.at "never" %}', row=object()) == "never"


def test_a_dotted_path_may_break_after_a_dot_and_is_escaped() -> None:
    html = render("{{ name|breakable }}", name="config[0].routes[0].<b>")
    assert html == "config[0].<wbr>routes[0].<wbr>&lt;b&gt;"


def test_json_in_a_page_is_escaped() -> None:
    assert "<script>" not in render("{{ value|json }}", value={"a": "<script>"})


@pytest.mark.parametrize(
    ("query", "state", "follow"),
    [("", "none", "name"), ("ordering=name", "ascending", "-name"), ("ordering=-name", "descending", "name")],
)
def test_a_sort_header_says_the_order_and_offers_the_next(query: str, state: str, follow: str) -> None:
    html = render('{% sort_header "name" "Model" %}', f"/?team=fraud&page=3&{query}")
    assert f'aria-sort="{state}"' in html
    assert f'href="?team=fraud&amp;ordering={follow}"' in html


def test_a_sort_header_knows_the_default_order_of_the_list() -> None:
    assert 'aria-sort="descending"' in render('{% sort_header "at" "Time" %}', ordering="-at")


def test_active_filters_name_what_narrows_the_list_and_clear_one_at_a_time() -> None:
    filters = active_filters(SampleFilter(QueryDict("q=card&team=fraud&ordering=-name&page=2")))
    assert [(one.label, one.value) for one in filters] == [("Search", "card"), ("Team", "Fraud")]
    assert [one.clear_url for one in filters] == ["?team=fraud&ordering=-name", "?q=card&ordering=-name"]


def test_a_list_without_filters_has_no_chips() -> None:
    html = render('{% include "ui/_filter_chips.html" %}', form=SampleFilter(QueryDict("q=&team=")))
    assert "sw-chip" not in html


def test_nothing_found_names_the_filters() -> None:
    form = SampleFilter(QueryDict("q=card&team=fraud"))
    html = render('{% include "ui/_no_matches.html" with noun="models" %}', form=form)
    assert "No models match" in html
    assert "Team: <strong>Fraud</strong>" in html
    assert "Clear the filters" in html


def test_the_filter_bar_keeps_the_order_of_the_list() -> None:
    html = render('{% include "ui/_filter_bar.html" %}', "/?ordering=-name", form=SampleFilter(QueryDict("q=card")))
    assert '<input type="hidden" name="ordering" value="-name">' in html
    assert '<input type="search" name="q"' in html
    assert html.count('name="q"') == 1


def test_pages_keep_filters_and_tell_the_total() -> None:
    page = Paginator(range(53), 10).page(3)
    html = render('{% include "ui/_pager.html" with noun="models" %}', "/?q=card&page=3", page=page)
    assert "21–30 of 53 models" in html  # noqa: RUF001 - an en dash between numbers
    assert 'href="?q=card&amp;page=4"' in html
    assert '<span aria-current="page">3</span>' in html


def test_one_page_has_no_links() -> None:
    html = render('{% include "ui/_pager.html" with noun="models" %}', page=Paginator(range(3), 10).page(1))
    assert "<a" not in html
    assert "of 3 models" in html


def test_an_empty_list_counts_none() -> None:
    html = render('{% include "ui/_pager.html" with noun="models" %}', page=Paginator([], 10).page(1))
    assert "0 models" in html


def test_a_field_ties_help_and_error_to_its_input() -> None:
    html = render("{% field form.name %}", form=SampleForm({"name": ""}))
    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'id="id_name_helptext"' in html
    assert 'id="id_name_error"' in html
    assert 'aria-invalid="true"' in html
    assert '<label class="form-label required" for="id_name">' in " ".join(html.split())


def test_a_field_without_error_claims_none() -> None:
    html = render("{% field form.name %}", form=SampleForm())
    assert "aria-invalid" not in html
    assert "_error" not in html


def test_a_checkbox_is_a_switch() -> None:
    assert 'role="switch"' in render("{% field form.fast %}", form=SampleForm())


def test_radios_stand_in_a_group_with_a_legend() -> None:
    html = render("{% field form.size %}", form=SampleForm({"size": "l"}))
    assert html.count("<fieldset") == html.count("<legend") == 1
    assert html.count('type="radio"') == 3
    assert html.count("checked") == 1


def test_choice_cards_say_more_and_keep_what_was_chosen() -> None:
    html = render("{% choice_cards form.size texts %}", form=SampleForm({"size": "l"}), texts={"s": "4 at a time"})
    assert html.count('type="radio"') == 2
    assert "<small>4 at a time</small>" in html
    assert 'value="l" checked' in html


def test_the_error_summary_links_to_each_field() -> None:
    form = SampleForm({"name": "", "size": "s"})
    form.add_error(None, "The budget is used up.")
    html = render('{% include "ui/_form_errors.html" %}', form=form)
    assert '<a href="#id_name">Name</a>' in html
    assert "The budget is used up." in html
    assert 'tabindex="-1" data-error-summary' in html


def test_a_form_without_errors_has_no_summary() -> None:
    assert render('{% include "ui/_form_errors.html" %}', form=SampleForm()).strip() == ""


def test_a_live_fragment_asks_again_by_itself() -> None:
    html = render("<p {% live url 5 %}>", url="/runs/1/?after=3&x=1")
    assert html == '<p data-live hx-get="/runs/1/?after=3&amp;x=1" hx-trigger="every 5s" hx-swap="outerHTML">'


def test_a_finished_log_does_not_poll_and_one_that_goes_on_does() -> None:
    line = {"number": 12, "at": timezone.now(), "level": "info", "stage": "plan", "text": "<b>"}
    source = '{% include "ui/_log_lines.html" %}'
    assert "hx-trigger" not in render(source, lines=[line])
    assert 'hx-trigger="every 1s"' in render(source, lines=[line], more_url="/more/")
    assert 'id="L12"' in render(source, lines=[line])
    assert "&lt;b&gt;" in render(source, lines=[line])


def test_a_gap_in_a_log_says_which_lines_are_missing() -> None:
    html = render('{% include "ui/_log_lines.html" %}', lines=[{"gap_url": "/gap/", "first": 812, "last": 840}])
    assert "812–840" in html  # noqa: RUF001 - an en dash between numbers
    assert 'href="/gap/"' in html


def test_a_stage_shows_its_state_its_time_and_why_it_waits() -> None:
    stage = {
        "name": "Approval",
        "state": "Waiting",
        "tone": "warn",
        "duration_s": 184,
        "reason": "ada may",
        "url": "/a",
    }
    html = render('{% include "ui/_stage_rail.html" %}', stages=[{**stage, "current": True}])
    assert 'aria-current="step"' in html
    assert "3 min 4 s" in html
    assert "ada may" in html


def test_a_dangerous_action_is_a_post_and_can_ask_for_the_name() -> None:
    html = render(
        '{% include "ui/_confirm_form.html" with url="/destroy/" title="Destroy?" typed_name="card-fraud" %}',
        csrf_token="token",
    )
    assert '<form class="sw-confirm" method="post" action="/destroy/">' in html
    assert "csrfmiddlewaretoken" in html
    assert 'name="typed_name" required' in " ".join(html.split())
