"""Elements escape what is text, and show what cannot be seen."""

from __future__ import annotations

import unicodedata

import pytest

from pgproxy.web.markup import is_unseen, shown, tag


def test_text_and_attributes_are_escaped() -> None:
    made = tag("p", "<b>", tag("i", "&"), None, title="\"'<", class_="a", hidden=True, id=None, aria_label="x")
    assert made == '<p title="&quot;&#x27;&lt;" class="a" hidden aria-label="x">&lt;b&gt;<i>&amp;</i></p>'
    assert tag("input", name="n") == '<input name="n">'


@pytest.mark.parametrize(
    "character",
    "\u202e\u2066\u200b\u200d\ufeff\u00a0\u2028\x00\x1b\r\x7f\x9b\u3164\u115f\ufe0f\U000e0041\U000e0100\ue000\ufff0\ud800\u2800\u034f",
    ids=lambda character: f"{ord(character):x}",
)
def test_the_unseen_is_shown(character: str) -> None:
    made = shown(f"a{character}b")
    assert character not in made
    assert f">U+{ord(character):04X}</span>" in made


def test_what_is_seen_stays() -> None:
    text = "Grüße, 東京 שלום مرحبا 👍 e\u0301 \n\tx"
    assert shown(text) == text


def test_every_format_character_is_unseen() -> None:
    hidden = [
        chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cf", "Zl", "Zp", "Cs", "Co")
    ]
    assert len(hidden) > 1000
    assert all(is_unseen(one) for one in hidden)
