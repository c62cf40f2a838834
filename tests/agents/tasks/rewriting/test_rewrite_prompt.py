"""The prompt of a rewrite: the code around the piece, and its bound."""

from __future__ import annotations

from dataclasses import replace

from models.scripted.scripted_chat import ScriptedChat
from tests.agents.doubles import MemoryIndex, make_hit
from tests.agents.tasks.scenes import make_scene, run_chat_task


def test_the_prompt_of_a_change_holds_the_class_the_imports_and_signatures_within_a_bound() -> None:
    members = "".join(f"    def method_{n}(self, one, two):\n        return {n}\n\n" for n in range(400))
    fixture = f"import os\nimport re\n\n\ndef near(x):\n    return x\n\n\nclass Account:\n    limit = 3\n\n{members}    def pay(self):\n        $0return near(far(os.name))\n"  # noqa: E501
    scene, workplace = make_scene(fixture)
    workplace.index = MemoryIndex(defined=(make_hit("lib/far.py", "def far(x):\n" + "    x += 1\n" * 500, name="far"),))
    chat = ScriptedChat("===\n```\ndef pay(self):\n    return 1\n```\nOne.")
    run_chat_task("generate", replace(scene, instruction="one"), workplace, chat)
    asked = chat.requests[0].messages[-1].text
    for part in ("import os", "class Account", "limit = 3", "def near(x):", "lib/far.py\ndef far(x):", "`pay`"):
        assert part in asked
    assert "x += 1" not in asked
    assert chat.count_tokens(asked) < 1500


def test_a_title_of_nothing_is_left_out_of_a_prompt() -> None:
    scene, workplace = make_scene("def f():\n    $0return 1\n")
    chat = ScriptedChat("===\n```\ndef f():\n    return 2\n```")
    run_chat_task("generate", replace(scene, instruction="two"), workplace, chat)
    asked = chat.requests[0].messages[-1].text
    assert asked.startswith("Change the function `f`, in python:\n\n<<<WORKSPACE")
    assert "The task: two" in asked
