"""Forms and pages, read as a browser would."""

from __future__ import annotations

from smartlink.demo.pages import forms

PAGE = """
<form method="post" action="/sign-in/password"><input type="hidden" name="token" value="abc">
<input type="hidden" name="email" value="a&amp;b@c.example"><input name="password" type="password">
<input type="radio" name="choice" value="1"></form>
<input name="outside" value="1">
<form action="/preferences"><input name="next" value="/"></form>
"""


def test_a_form_is_its_action_and_the_fields_that_it_holds() -> None:
    first, second = forms(PAGE)
    assert first.action == "/sign-in/password"
    assert first.fields == {"token": "abc", "email": "a&b@c.example", "password": ""}
    assert (second.action, second.fields) == ("/preferences", {"next": "/"})
