"""The completion port over the connection: what comes is what the same model gives in this process."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from models.completion import FillRequest, Snippet, StopReason
from models.errors import ModelError
from models.host.address import SOCKET_URL
from models.host.connection import FixedConnection
from models.local.loading import load
from models.remote.completion.dialects import HostDialect
from models.remote.completion.discovery import connect_to_server, make_entry
from models.remote.completion.remote_completion import RemoteModel
from models.remote.endpoint import Endpoint
from models.remote.exchange import Patience
from models.remote.http import HttpClient, HttpOptions
from models.scripted.scripted_completion import ENTRY
from tests.models import bundled
from tests.models.host.serving import make_scripted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from models.local.ctranslate_completion import CTranslateModel
    from tests.models.host.serving import Serving

    Serve = Callable[..., Serving]

REQUEST = FillRequest("a.py", "x = ", "\n")
PLACES = [
    "def area(radius):\n    return 3.14 * rad$0\n",
    "#- shapes.py\nfor name in names:\n    pri$0\n\nprint(1)\n",
    "class Point:\n    def __init__(self, x, y):\n        self.x$0\n",
    "smile = '😀'\nalso = $0",
    "$0",
]


@pytest.fixture
def here() -> Iterator[CTranslateModel]:
    model = load(bundled.entry(), device="cpu", threads=1)
    yield model
    model.close()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("stop", [bundled.to_the_end, bundled.first_line])
def test_it_gives_what_the_model_in_this_process_gives(
    serve: Serve, here: CTranslateModel, place: str, stop: Callable[[str], int | None]
) -> None:
    entry = bundled.entry()
    model = serve(**{entry.name: (entry, lambda: here)}).model(entry, tokenizer=bundled.tokenizer())
    request = bundled.request(place)
    there = model.generate(request, stop=stop, cancelled=bundled.never, alternatives=3)
    local = here.generate(request, stop=stop, cancelled=bundled.never, alternatives=3)
    assert [(one.text, one.stop) for one in there] == [(one.text, one.stop) for one in local]
    assert [one.log_probs for one in there] == [pytest.approx(one.log_probs) for one in local]
    drafts = ["radius", "", "nothing of the kind"]
    scored = model.score(request, drafts, cancelled=bundled.never)
    assert [score.text for score in scored] == drafts
    expected = here.score(request, drafts, cancelled=bundled.never)
    for score, other in zip(scored, expected, strict=True):
        assert score.log_probs == pytest.approx(other.log_probs, abs=1e-4)
        assert score.token_ends == other.token_ends


def test_the_whole_request_arrives(serve: Serve) -> None:
    model = make_scripted()
    request = FillRequest("pkg/a.py", "x = \ud83d", "\n", (Snippet("b.py", "y = 1\n", stable=False),), 9)
    serve(model).model().generate(request, stop=bundled.to_the_end, cancelled=bundled.never)
    (seen,) = model.requests
    assert seen == FillRequest("pkg/a.py", "x = \N{REPLACEMENT CHARACTER}", "\n", request.snippets, 9)


def test_a_stop_rule_closes_the_connection_and_the_computing_ends(serve: Serve) -> None:
    serving = serve(make_scripted("word " * 10_000, token_s=0.01))
    (answer,) = serving.model().generate(
        REQUEST, stop=lambda text: 4 if len(text) > 8 else None, cancelled=bundled.never
    )
    assert (answer.text, answer.stop, len(answer.log_probs)) == ("word", StopReason.STOPPED, 1)
    serving.until(lambda: all(loaded.turns.idle for loaded in serving.loaded_models))


def test_who_gives_up_gets_nothing_and_the_computing_ends(serve: Serve) -> None:
    serving = serve(make_scripted("word " * 10_000, token_s=0.01))
    heard: list[str] = []
    (answer,) = serving.model().generate(REQUEST, stop=heard.append, cancelled=lambda: len(heard) > 2)
    assert (answer.text, answer.stop) == ("", StopReason.CANCELLED)
    serving.until(lambda: all(loaded.turns.idle for loaded in serving.loaded_models))


def test_alternatives_come_best_first_and_each_once(serve: Serve) -> None:
    model = make_scripted("one()", alternatives={"": ("two()", "one()", "three()")})
    answers = serve(model).model().generate(REQUEST, stop=bundled.to_the_end, cancelled=bundled.never, alternatives=3)
    assert [answer.text for answer in answers] == ["one()", "two()", "three()"]


def test_what_the_host_says_is_what_a_person_reads(serve: Serve) -> None:
    model = serve().model(bundled.entry())
    with pytest.raises(ModelError, match=r"^There is no model 'starling-mini' for completion here; there are: sc"):
        model.generate(REQUEST, stop=bundled.to_the_end, cancelled=bundled.never)


def test_nobody_there_is_one_sentence(tmp_path: Path) -> None:
    client = HttpClient(HttpOptions(socket=tmp_path / "nothing.sock"))
    endpoint = Endpoint(SOCKET_URL, client, patience=Patience(attempts=1))
    model = RemoteModel(ENTRY, FixedConnection(endpoint, client), HostDialect())
    with closing(model), pytest.raises(ModelError, match="cannot be reached"):
        model.generate(REQUEST, stop=bundled.to_the_end, cancelled=bundled.never)


def test_any_server_with_openais_completions_will_do(serve: Serve) -> None:
    model = make_scripted({"y = 1\nx = ": "known()", "": "unknown"})
    there = serve(model).model(plain=True)
    request = FillRequest("a.py", "y = 1\nx = ", "\n")
    (answer,) = there.generate(request, stop=bundled.to_the_end, cancelled=bundled.never, alternatives=3)
    assert (answer.text, len(answer.log_probs), answer.stop) == ("known()", 3, StopReason.END)
    assert model.requests[0].suffix == "\n"
    assert there.score(request, ["known()"], cancelled=bundled.never) == ()


def test_our_own_host_at_an_address_is_known_for_what_it_is(serve: Serve) -> None:
    serving = serve(make_scripted("one()", alternatives={"": ("two()",)}))
    model = connect_to_server(make_entry("scripted"), "", serving.socket, named=True)
    answers = model.generate(REQUEST, stop=bundled.to_the_end, cancelled=bundled.never, alternatives=2)
    model.close()
    assert [answer.text for answer in answers] == ["one()", "two()"]


def test_a_server_without_the_model_says_which_it_has(serve: Serve) -> None:
    with pytest.raises(ModelError, match=r"has no model nothing; set `model.name` to one of: scripted"):
        connect_to_server(make_entry("nothing"), "", serve().socket, named=True)


class Elsewhere(BaseHTTPRequestHandler):
    """A server that takes no suffix, and tells no probabilities, as vLLM and llama.cpp's do."""

    bodies: ClassVar[list[dict[str, Any]]] = []

    def do_GET(self) -> None:
        self._answer(200, {"data": [{"id": "bigcode/starcoder2-3b", "owned_by": "vllm", "max_model_len": 2048}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.bodies.append(body)
        for name in ("suffix", "logprobs"):
            if name in body:
                self._answer(400, {"error": {"message": f"{name} is not currently supported"}})
                return
        self._answer(200, {"choices": [{"text": "answer()", "finish_reason": "stop"}]})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def test_a_server_that_takes_no_suffix_gets_the_models_own_markers() -> None:
    Elsewhere.bodies.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        model = connect_to_server(make_entry("starcoder2-3b"), url, None, named=True)
        request = FillRequest("a.py", "x = <fim_middle>", "\n", (Snippet("b.py", "y = 1\n"),))
        (answer,) = model.generate(request, stop=bundled.to_the_end, cancelled=bundled.never)
        model.close()
        server.shutdown()
        thread.join()
    assert (answer.text, answer.log_probs) == ("answer()", ())
    assert model.entry.context_tokens == 2048
    sent = Elsewhere.bodies[-1]
    assert sent["model"] == "bigcode/starcoder2-3b"
    assert sent["prompt"] == "<file_sep>b.py\ny = 1\n<file_sep>a.py\n<fim_prefix>x = <fim_suffix>\n<fim_middle>"
    assert ENTRY.fim.middle in sent["prompt"]
