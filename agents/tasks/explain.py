"""The task "explain": a chat model's explanation of a function or the selected lines; changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents import outlines, prompting, related_code
from agents.markdown import InertFilter, make_inert
from agents.pieces import Piece
from agents.tasks.filling import Cancelled
from agents.tasks.functions import find_function_at
from agents.tasks.rewriting.line_edits import expand_to_lines
from agents.tasks.task import Kind, Needs, Nothing, Offer, Task, TextAnswer
from indexing.syntax.documents import Span
from models.chat import ChatRequest, ReplyEnd

if TYPE_CHECKING:
    from agents.tasks.task import Resources, Result, Scene
    from models.chat import ChatModel, Reply

ANSWER_TOKENS = 1024
QUESTION = "Explain this code."
_SPARE_TOKENS = 500  # for the fixed text of the prompt
_CONTEXT_TOKENS = 1500  # for the outline of the class and for related code: small models read more of it slowly


def offer(scene: Scene) -> Offer | None:
    """Return the offer for the selection, else the function at the cursor, else the file; None for an empty file."""
    if scene.document.text[scene.span.start : scene.span.end].strip():
        return Offer("Explain the selection", scene.span)
    function = find_function_at(scene.syntax, scene.span.start)
    if function is not None:
        return Offer(f"Explain `{function.name}`", function.span)
    whole = Span(0, len(scene.document.text))
    return Offer("Explain this file", whole) if scene.document.text.strip() else None


def propose(scene: Scene, resources: Resources) -> Result:
    """Ask the chat model, and return its explanation as inert Markdown; `resources.stream` also gets it in pieces.

    `Nothing` if there is no code, the code is too long, or the answer is blank.

    Raises:
        Cancelled: the request was cancelled.
        models.chat.ChatError: the model did not answer.
    """
    chat, offered = resources.chat, offer(scene)
    assert chat is not None  # noqa: S101 - `running` starts no task without its model
    if offered is None:
        return Nothing("There is nothing here to explain.")
    piece = Piece(scene.document, scene.syntax, offered.span)
    shown = Piece(scene.document, scene.syntax, expand_to_lines(scene.document.text, offered.span))
    room = chat.context_tokens - ANSWER_TOKENS - _SPARE_TOKENS
    if chat.count_tokens(shown.text) > room:
        return Nothing(f"This is too long for {chat.name}; select less, or set `chat.contextTokens` to what it has.")
    resources.report(f"{chat.name} explains")
    head = outlines.outline_classes(
        piece, lambda more: chat.count_tokens(shown.text + more) <= room and _fits_context(chat, more)
    )
    own = shown.text + head
    context = related_code.collect(
        piece, resources.index, lambda more: chat.count_tokens(own + more) <= room and _fits_context(chat, more)
    )
    messages = prompting.build_messages(
        "explain",
        question=scene.instruction.strip() or QUESTION,
        language=scene.document.language,
        head=prompting.fence(head, piece.title) if head else "",
        code=prompting.fence(shown.text, piece.title),
        context=context,
    )
    request = ChatRequest(messages, max_tokens=ANSWER_TOKENS, words=True)
    reply = _ask_streaming(chat, request, resources)
    if reply.end is ReplyEnd.CANCELLED:
        raise Cancelled
    text = make_inert(reply.text).strip() + ("\n\n(It was cut off here.)" if reply.end is ReplyEnd.LENGTH else "")
    return TextAnswer(text, chat.name) if reply.text.strip() else Nothing(f"{chat.name} said nothing; ask again.")


def _fits_context(chat: ChatModel, context: str) -> bool:
    """Return whether `context` is short enough for the prompt: at most 1,500 tokens."""
    return chat.count_tokens(context) <= _CONTEXT_TOKENS


def _ask_streaming(chat: ChatModel, request: ChatRequest, resources: Resources) -> Reply:
    """Return the model's reply, and pass it on to `resources.stream`, made inert, while it comes."""
    stream = resources.stream
    if stream is None:
        return chat.chat(request, cancelled=resources.cancelled)
    filtering = InertFilter()

    def forward_piece(piece: str) -> None:
        """Pass to the stream what `piece` adds to the part of the answer that is inert already."""
        if shown := filtering.feed(piece):
            stream(shown)

    try:
        return chat.chat(request, cancelled=resources.cancelled, on_text=forward_piece)
    finally:
        if rest := filtering.finish():
            stream(rest)


TASK = Task("explain", Kind.SOURCE, Needs.CHAT, offer, propose, listed=False)
