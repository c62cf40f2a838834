"""Templates rendered with Copier, in a real child process: what comes out, and what is refused."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from agents.ports.templates import MOST_FILES, TemplateFailed
from indexing.bounds import Bounds
from server.gate.trials import templates
from server.gate.trials.templates import MISSING, CopierTemplates

if TYPE_CHECKING:
    from pathlib import Path

    from agents.ports.templates import Rendering

pytest.importorskip("copier")

QUESTIONS = "name:\n  type: str\nlicence:\n  type: str\n  default: MIT\n"


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """Return a template with two questions and a file whose name depends on one."""
    folder = tmp_path / "template"
    (folder / "{{ name }}").mkdir(parents=True)
    (folder / "copier.yml").write_text(QUESTIONS)
    (folder / "{{ name }}" / "__init__.py.jinja").write_text('"""{{ name }}, {{ licence }}"""\n')
    (folder / "README.md").write_text("# Text with {{ braces }}\n")
    return folder


def render(folder: Path, **answers: str) -> Rendering:
    """Render a template."""
    return CopierTemplates(folder.parent / "none").render(folder, answers)


def test_a_template_becomes_files_with_the_answers_and_the_defaults(template: Path) -> None:
    found = {one.name: one.text for one in render(template, name="shop").files}
    assert found == {"shop/__init__.py": '"""shop, MIT"""\n', "README.md": "# Text with {{ braces }}\n"}
    assert sorted(one.name for one in template.iterdir()) == ["README.md", "copier.yml", "{{ name }}"]


def test_a_question_without_an_answer_and_a_default_is_named(template: Path) -> None:
    with pytest.raises(TemplateFailed, match='was not rendered: Question "name" is required'):
        render(template)


@pytest.mark.parametrize(
    "unsafe",
    [
        "_tasks: ['touch hacked']\n",
        "_jinja_extensions: [jinja2.ext.do]\n",
        "_external_data:\n  secret: /etc/hostname\n",
    ],
)
def test_a_template_with_an_unsafe_feature_is_refused(template: Path, unsafe: str) -> None:
    (template / "copier.yml").write_text(QUESTIONS + unsafe)
    (template / "{{ name }}" / "used.txt.jinja").write_text("{{ _external_data.secret }}")
    with pytest.raises(TemplateFailed, match=r"unsafe feature|forbidden"):
        render(template, name="shop")


def test_the_persons_own_trust_does_not_count(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tmp_path / "settings.yml"
    settings.write_text("trust: ['/']\n")
    monkeypatch.setenv("COPIER_SETTINGS_PATH", str(settings))
    (template / "copier.yml").write_text(f"{QUESTIONS}_tasks: ['touch {tmp_path / 'hacked'}']\n")
    with pytest.raises(TemplateFailed, match="unsafe feature"):
        render(template, name="shop")
    assert not (tmp_path / "hacked").exists()


def test_a_template_reaches_nothing_outside_of_itself(template: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (template / "a.txt.jinja").write_text("{% include '../secret.txt' %}")
    with pytest.raises(TemplateFailed, match="was not rendered"):
        render(template, name="shop")
    (template / "a.txt.jinja").write_text("{{ ''.__class__.__mro__ }}")
    with pytest.raises(TemplateFailed, match="unsafe"):
        render(template, name="shop")
    with pytest.raises(TemplateFailed, match="was not rendered"):
        render(template, name="../../shop")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
def test_links_and_excluded_files_are_not_part_of_a_template(template: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (template / "link.txt").symlink_to(tmp_path / "secret.txt")
    (template / "folder").symlink_to(tmp_path, target_is_directory=True)
    (template / "own.key").write_text("key")
    rendering = CopierTemplates(tmp_path).render(template, {"name": "shop"}, lambda path: path.suffix == ".key")
    assert sorted(one.name for one in rendering.files) == ["README.md", "shop/__init__.py"]


def test_a_repositorys_history_is_not_used(template: Path) -> None:
    (template / ".git").mkdir()
    (template / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    assert len(render(template, name="shop").files) == 2


def test_what_is_no_text_is_left_out(template: Path) -> None:
    (template / "logo.png").write_bytes(b"\x89PNG\x00\xff")
    (template / "zeros.bin").write_bytes(b"\x00\x00")
    assert render(template, name="shop").left_out == ("logo.png", "zeros.bin")


def test_too_many_and_too_large_files_are_refused(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(MOST_FILES):
        (template / f"{number}.txt").touch()
    with pytest.raises(TemplateFailed, match="has more than 200 files"):
        render(template, name="shop")
    monkeypatch.setattr(templates, "MOST_BYTES", 20)
    with pytest.raises(TemplateFailed, match="has more than 20 bytes"):
        render(template, name="shop")


def test_a_template_that_grows_is_refused(template: Path) -> None:
    (template / "a.txt.jinja").write_text("{% for i in range(3000) %}{{ 'x' * 1000 }}{% endfor %}")
    with pytest.raises(TemplateFailed, match="became more than 2,000,000 bytes"):
        render(template, name="shop")


def test_a_template_that_does_not_end_is_stopped(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "CHILD", Bounds(3, 1_000_000_000, 1000))
    loop = "{% for i in range(99999) %}" * 3 + "{% endfor %}" * 3
    (template / "a.txt.jinja").write_text(loop)
    with pytest.raises(TemplateFailed, match="took longer than"):
        render(template, name="shop")


def test_a_folder_without_files_is_no_template(tmp_path: Path) -> None:
    with pytest.raises(TemplateFailed, match="no file of a template"):
        render(tmp_path / "empty")


def test_own_templates_are_the_folders_with_a_plain_name(tmp_path: Path) -> None:
    for name in ("service", "..hidden", "with space"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    found = CopierTemplates(tmp_path)
    assert found.list_own() == ("service",)
    assert found.find_own("service") == tmp_path / "service"
    assert found.find_own(f"service{os.sep}..") is None
    assert CopierTemplates(tmp_path / "none").list_own() == ()


def test_without_copier_a_sentence_says_what_to_do(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "PACKAGE", "a_package_that_does_not_exist")
    with pytest.raises(TemplateFailed, match=r"uv tool install '\.\[scaffold\]'") as raised:
        render(template, name="shop")
    assert str(raised.value) == MISSING
