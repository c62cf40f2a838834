"""Sessions as Markdown and JSON."""

from __future__ import annotations

from agents.ports.feedback import Feedback, Thumb
from agents.ports.sessions import Entry, EntryKind, Session, SessionState
from server.state.session_export import describe_entry, format_markdown

SESSION = Session("s1", "file:///w", "Area", "", SessionState.IDLE, 0.0, 0.0, "", 3)
CALLS = '{"calls": [{"id": "c", "name": "read_file", "arguments": {"path": "ä.py"}}]}'


def test_markdown_has_the_calls_and_fences_results_with_a_fence_they_do_not_contain() -> None:
    entries = (
        Entry(EntryKind.AGENT, "ask", "I look.", CALLS, 1),
        Entry(EntryKind.RESULT, "tool", "```\nx\n```", "", 2),
    )
    text = format_markdown(SESSION, entries, {1: Feedback(1, Thumb.UP, "Right.")})
    assert text.startswith("# Area\n")
    assert 'I look.\n- called `read_file` `{"path": "ä.py"}`\n\nThumb up. Right.\n' in text
    assert "````\n```\nx\n```\n````" in text


def test_an_entry_with_broken_details_is_described_without_these() -> None:
    described = describe_entry(Entry(EntryKind.NOTE, "starling", "x", "{", 4))
    assert (described["number"], described["details"]) == (4, {})
    assert "feedback" not in described


def test_what_an_agent_wrote_is_inert_in_markdown() -> None:
    entries = (Entry(EntryKind.AGENT, "ask", "See ![x](http://x.example/secret.png).", "", 1),)
    assert "`![x](http://x.example/secret.png).`" in format_markdown(SESSION, entries)
    assert describe_entry(entries[0])["text"] == "See ![x](http://x.example/secret.png)."
