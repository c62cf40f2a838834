"""Settings: which layer wins, who may set what, and what happens to wrong ones."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.team.permissions.rules import Effect, Rule
from agents.tools import Risk, Tool
from server.assembly import policies
from server.assembly.settings import Settings, resolve
from server.assembly.settings_reference import list_settings

if TYPE_CHECKING:
    from server.assembly.settings import SettingProblem

REFERENCE = list_settings()
READ_FILE = Tool("read_file", Risk.LOW)


class Layers:
    """The four layers of one resolution, to be filled one by one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.user_file = folder / "user.toml"
        self.roots = [folder / "one", folder / "two"]
        for root in self.roots:
            root.mkdir()
        self.environment: dict[str, str] = {}
        self.editor: object = None

    def say(self, layer: str, value: int) -> None:
        if layer == "environment":
            self.environment["STARLING_COMPLETION__MAX_TOKENS"] = str(value)
        elif layer == "editor":
            self.editor = {"completion": {"maxTokens": value}}
        else:
            files = {"user": self.user_file, "first workspace": self.roots[0] / ".starling.toml"}
            path = files.get(layer, self.roots[1] / ".starling.toml")
            path.write_text(f"[completion]\nmax_tokens = {value}\n")

    def resolve(self) -> tuple[Settings, tuple[SettingProblem, ...]]:
        return resolve(editor=self.editor, roots=self.roots, environment=self.environment, user_file=self.user_file)

    def problem(self) -> SettingProblem:
        _, problems = self.resolve()
        assert len(problems) == 1, [str(problem) for problem in problems]
        return problems[0]


@pytest.fixture
def layers(tmp_path: Path) -> Layers:
    return Layers(tmp_path)


STRENGTH = ["environment", "user", "first workspace", "second workspace", "editor"]


def test_without_any_layer_the_defaults_are_in_force(layers: Layers) -> None:
    assert layers.resolve() == (Settings(), ())


@pytest.mark.parametrize("number", range(len(STRENGTH)))
def test_a_stronger_layer_wins_over_all_weaker_ones(layers: Layers, number: int) -> None:
    for value, layer in enumerate(STRENGTH[number:], start=10 + number):
        layers.say(layer, value)
    settings, problems = layers.resolve()
    assert settings.completion.max_tokens == 10 + number
    assert problems == ()


def test_layers_that_speak_of_different_settings_add_up(layers: Layers) -> None:
    layers.environment["STARLING_LOG__LEVEL"] = "debug"
    layers.user_file.write_text("[model]\nthreads = 3\n")
    (layers.roots[0] / ".starling.toml").write_text('[completion]\nlanguages_off = ["yaml"]\n')
    layers.editor = {"index": {"watch": False}}
    settings, problems = layers.resolve()
    assert (settings.log.level, settings.model.threads) == ("debug", 3)
    assert (settings.completion.languages_off, settings.index.watch) == (("yaml",), False)
    assert problems == ()


def test_exclusions_of_all_layers_add_up(layers: Layers) -> None:
    layers.environment["STARLING_INDEX__EXCLUDE"] = "*.log, data/"
    layers.user_file.write_text('[index]\nexclude = ["data/", "old/"]\n')
    (layers.roots[1] / ".starling.toml").write_text('[index]\nexclude = ["gen/"]\n')
    layers.editor = {"index": {"exclude": ["tmp/"]}}
    assert layers.resolve()[0].index.exclude == ("*.log", "data/", "old/", "gen/", "tmp/")


@pytest.mark.parametrize(
    "editor",
    [
        {"completion": {"maxTokens": 7}},
        {"completion": {"max_tokens": 7}},
        {"starling": {"completion": {"maxTokens": 7}}},
        {"completion.maxTokens": 7},
        {"starling.completion.maxTokens": 7},
        {"completion.maxTokens": 7, "completion": {"automatic": False}},
        {"completion": {"automatic": False}, "completion.maxTokens": 7},
        {"completion": {"maxTokens": 7, "minConfidence": None}, "model": None},
    ],
    ids=str,
)
def test_editors_may_write_names_their_own_way(layers: Layers, editor: object) -> None:
    layers.editor = editor
    settings, problems = layers.resolve()
    assert settings.completion.max_tokens == 7
    assert problems == ()


def test_a_toml_file_may_use_camel_case_too(layers: Layers) -> None:
    layers.user_file.write_text("[completion]\nmaxTokens = 7\n")
    assert layers.resolve()[0].completion.max_tokens == 7


@pytest.mark.parametrize("key", [one.toml for one in REFERENCE if not one.workspace])
def test_a_workspace_cannot_set_what_is_not_marked_for_it(layers: Layers, key: str) -> None:
    section, name = key.split(".")
    value = json.loads(next(one.default for one in REFERENCE if one.toml == key))
    (layers.roots[0] / ".starling.toml").write_text(f"[{section}]\n{name} = {json.dumps(value)}\n")
    problem = layers.problem()
    assert problem.key == key
    assert "cannot be set by a workspace" in problem.message
    assert problem.source == str(layers.roots[0] / ".starling.toml")


def test_a_workspace_cannot_choose_a_model_or_a_device_or_reveal_texts() -> None:
    free = {one.toml for one in REFERENCE if one.workspace}
    assert not {key for key in free if key.startswith(("model.", "log.", "chat."))}


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("completion.maxTokens", 0, "an integer from 1 to 512"),
        ("completion.maxTokens", 513, "an integer from 1 to 512"),
        ("completion.maxTokens", "64", "an integer from 1 to 512"),
        ("completion.maxTokens", 1.5, "an integer from 1 to 512"),
        ("completion.maxTokens", True, "an integer from 1 to 512"),
        ("completion.minConfidence", 1.01, "a number from 0.0 to 1.0"),
        ("completion.enabled", 1, "true or false"),
        ("completion.enabled", "yes", "true or false"),
        ("completion.multiline", "sometimes", 'one of "auto", "never"'),
        ("completion.languagesOff", "yaml", "a list of strings"),
        ("completion.languagesOff", [3], "a list of strings"),
        ("index.exclude", ["!"], "a list of patterns as in a .gitignore"),
        ("completion.exclude", ["[z-a]"], "a list of patterns as in a .gitignore"),
        ("index.exclude", "*.key", "a list of patterns as in a .gitignore"),
        ("index.exclude", [""], "a list of patterns"),
        ("model.device", "tpu", 'one of "auto", "cpu", "cuda"'),
        ("model.name", ["a"], "a string"),
        ("index.maxFileBytes", {}, "an integer from 1,000 to 50,000,000"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed_and_the_default_counts(
    layers: Layers, key: str, value: object, allowed: str
) -> None:
    section, name = key.split(".")
    layers.editor = {section: {name: value}, "log": {"level": "debug"}}
    settings, _ = layers.resolve()
    problem = layers.problem()
    assert (problem.key, problem.source) == (key, "editor")
    assert allowed in problem.message
    assert getattr(settings, section) == getattr(Settings(), section)
    assert settings.log.level == "debug"  # nothing else suffers


def test_a_wrong_value_lets_the_next_weaker_layer_through(layers: Layers) -> None:
    layers.environment["STARLING_COMPLETION__MAX_TOKENS"] = "many"
    layers.say("editor", 9)
    settings, problems = layers.resolve()
    assert settings.completion.max_tokens == 9
    assert [problem.key for problem in problems] == ["STARLING_COMPLETION__MAX_TOKENS"]


@pytest.mark.parametrize(
    ("editor", "key", "hint"),
    [
        ({"completion": {"maxToken": 3}}, "completion.maxToken", "did you mean `maxTokens`"),
        ({"completion": {"zzz": 3}}, "completion.zzz", "minConfidence"),
        ({"completions": {"enabled": False}}, "completions.enabled", "did you mean `completion`"),
        (
            {"zzz": {"enabled": False}},
            "zzz.enabled",
            (
                "completion, index, next_edit, model, review, chat, team, schedule, autopilot, mcp, deploy, "
                "access, log, state, metrics, traces"
            ),
        ),
        (
            {"zzz": 1},
            "zzz",
            (
                "completion, index, next_edit, model, review, chat, team, schedule, autopilot, mcp, deploy, "
                "access, log, state, metrics, traces"
            ),
        ),
        ({"completion": 1}, "completion", "is a section"),
        ([1], "", "an object"),
        ("on", "", "an object"),
    ],
    ids=str,
)
def test_an_unknown_name_is_reported_with_the_nearest(layers: Layers, editor: object, key: str, hint: str) -> None:
    layers.editor = editor
    problem = layers.problem()
    assert problem.key == key
    assert hint in problem.message
    assert layers.resolve()[0] == Settings()


def test_one_underscore_too_few_in_the_environment_is_pointed_out(layers: Layers) -> None:
    layers.environment["STARLING_COMPLETION_MAX_TOKENS"] = "3"
    assert "STARLING_COMPLETION__MAX_TOKENS" in layers.problem().message


def test_the_environment_of_others_and_our_home_are_no_settings(layers: Layers) -> None:
    layers.environment |= {"STARLING_HOME": "/x", "PATH": "/bin", "STARLINGS__X": "1", "COMPLETION__ENABLED": "0"}
    assert layers.resolve() == (Settings(), ())


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("STARLING_COMPLETION__ENABLED", "false", False),
        ("STARLING_COMPLETION__ENABLED", "0", False),
        ("starling_completion__enabled", "off", False),
        ("STARLING_COMPLETION__MIN_CONFIDENCE", " 0.25 ", 0.25),
        ("STARLING_COMPLETION__LANGUAGES_OFF", "yaml, toml", ("yaml", "toml")),
        ("STARLING_COMPLETION__LANGUAGES_OFF", '["yaml"]', ("yaml",)),
        ("STARLING_COMPLETION__LANGUAGES_OFF", "", ()),
    ],
)
def test_the_environment_is_read_leniently(layers: Layers, variable: str, value: str, expected: Any) -> None:
    layers.environment[variable] = value
    settings, problems = layers.resolve()
    assert problems == ()
    assert getattr(settings.completion, variable.lower().partition("__")[2]) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[completion\n", "is not TOML"),
        (b"\xff\xfe[completion]", "is not TOML"),
        (b"x = " + b"[" * 100_000, "is not TOML"),
        (b"#" * 300_000, "larger than"),
    ],
    ids=["half-typed", "binary", "deeply nested", "huge"],
)
def test_a_broken_file_is_reported_as_a_whole_and_nothing_else_suffers(
    layers: Layers, content: bytes, message: str
) -> None:
    layers.user_file.write_bytes(content)
    layers.say("editor", 9)
    problem = layers.problem()
    assert (problem.key, problem.source) == ("", str(layers.user_file))
    assert message in problem.message
    assert layers.resolve()[0].completion.max_tokens == 9


def test_a_file_that_cannot_be_read_is_reported(layers: Layers) -> None:
    layers.user_file.mkdir()
    assert "cannot be read" in layers.problem().message


@pytest.mark.timeout(20)
def test_a_pipe_in_the_place_of_a_file_makes_nobody_wait(layers: Layers) -> None:
    os.mkfifo(layers.roots[0] / ".starling.toml")
    assert "not a regular file" in layers.problem().message


@pytest.mark.parametrize("number", ["9" * 5000, "0x" + "f" * 5000, "[" + "0x" + "f" * 5000 + "]"])
def test_a_number_of_thousands_of_digits_is_a_wrong_value(layers: Layers, number: str) -> None:
    (layers.roots[0] / ".starling.toml").write_text(f"[completion]\nmaxTokens = {number}\n")
    (layers.roots[1] / ".starling.toml").write_text("[completion]\nmaxTokens = 7\n")
    assert str(layers.roots[0]) in str(layers.problem())
    assert layers.resolve()[0].completion.max_tokens == 7


@pytest.mark.parametrize("name", ["STARLING_CHAT__FALLBACK", "STARLING_INDEX__EXCLUDE"])
def test_brackets_without_end_are_a_wrong_value(layers: Layers, name: str) -> None:
    layers.environment[name] = "[" * 100_000
    assert name in str(layers.problem())


def test_a_toml_value_that_json_does_not_know_is_a_wrong_value(layers: Layers) -> None:
    layers.user_file.write_text("[completion]\nmax_tokens = 2026-01-01\nmin_confidence = nan\n")
    _, problems = layers.resolve()
    assert [problem.key for problem in problems] == ["completion.max_tokens", "completion.min_confidence"]


def test_resolving_twice_gives_the_same(layers: Layers) -> None:
    layers.editor = {"completion": {"maxTokens": 0}}
    assert layers.resolve() == layers.resolve()


def test_every_setting_is_documented_and_has_bounds() -> None:
    for one in REFERENCE:
        assert one.description.endswith((".", ".`")), one.key
        assert one.allowed, one.key
        assert one.environment == one.environment.upper()
        assert json.loads(one.default) == one.schema["default"], one.key
    assert len({one.key for one in REFERENCE}) == len(REFERENCE) > 15


@pytest.mark.parametrize("one", REFERENCE, ids=lambda one: one.key)
def test_every_setting_can_be_set_by_every_layer_that_may(layers: Layers, one: Any) -> None:
    section, name = one.toml.split(".")
    default = json.loads(one.default)
    if not one.personal:
        layers.editor = {one.key: default}
    layers.user_file.write_text(f"[{section}]\n{name} = {one.default}\n")
    layers.environment[one.environment] = one.default.strip('"')
    if one.workspace:
        (layers.roots[0] / ".starling.toml").write_text(f"[{section}]\n{name} = {one.default}\n")
    assert layers.resolve() == (Settings(), ())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
SECTIONS = st.sampled_from([*Settings.model_fields, "starling", "other"])


@given(st.dictionaries(SECTIONS, JSON, max_size=4) | JSON)
def test_nothing_an_editor_sends_can_fail(sent: object) -> None:
    settings, problems = resolve(editor=sent, environment={}, user_file=Path("/nonexistent/settings.toml"))
    assert isinstance(settings, Settings)
    assert all(str(problem) and "\n" not in problem.source for problem in problems)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("edits paths migrations/", '"paths" stands where "path" or "command" belongs (did you mean "path"?)'),
        ("edits migrations/", '"migrations/" stands where "path" or "command" belongs; write "TOOL"'),
        ("edits path", 'nothing follows "path"; write "TOOL"'),
        ("Edits", 'there is no tool "Edits" (did you mean "edits"?)'),
        ("execute_comand command rm *", 'there is no tool "execute_comand" (did you mean "execute_command"?)'),
        ("edit path data/", 'there is no tool "edit" (did you mean "edits"?)'),
        ("zzz", 'there is no tool "zzz"; `starling tools` lists them, write "TOOL"'),
        ("edits path [z-a]", '"[z-a]" is no pattern as in a .gitignore (bad character range z-a'),
        ("edits path !kept/", 'the pattern "!kept/" matches no path'),
        ("execute_command path data/", "execute_command has no path, so the rule would never match; write "),
        (
            "run_tests path tests/",
            'run_tests has no path, so the rule would never match; write "run_tests command WORDS"',
        ),
        ("plan path data/", 'plan has no path, so the rule would never match; write "plan" alone, or for files'),
        ("write_file command rm *", "write_file runs no command line, so the rule would never match; write "),
        ("edits command rm *", 'edits runs no command line, so the rule would never match; write "edits path PATTERN"'),
        ("mcp:issues/x path data/", 'a rule about mcp:issues/x has no path and no command; write "mcp:issues/x" alone'),
        (f"edits path {'long/' * 100}", "string should have at most 500 characters"),
        (3, "input should be a valid string"),
    ],
)
@pytest.mark.parametrize("name", ["deny", "ask"])
def test_a_bad_rule_is_named_whole_with_its_reason_and_leaves_the_others(
    layers: Layers, name: str, rule: object, reason: str
) -> None:
    layers.user_file.write_text(f"[team]\n{name} = {json.dumps(['edits path itsdangerous/**', rule, 'reads'])}\n")
    settings, _ = layers.resolve()
    problem = layers.problem()
    assert getattr(settings.team, name) == ("edits path itsdangerous/**", "reads")
    assert f"entry 2, {json.dumps(rule)}, cannot be used: {reason}" in problem.message
    assert problem.message.endswith("The other entries hold. Agents do nothing until you correct it.")
    assert settings.team.unreadable == (str(problem),)
    assert policies.build_rules(settings).find(READ_FILE) == Rule(Effect.DENY)


@pytest.mark.parametrize(
    "text",
    [
        '[team]\ndeny = "edits path data/"\n',
        '[team]\ndney = ["edits path data/"]\n',
        '[taem]\nask = ["edits path data/"]\n',
        '[[team]]\ndeny = ["edits path data/"]\n',
        'deny = ["edits path data/"]\n',
        '[team\ndeny = ["edits path data/"]\n',
        "[team]\ndeny = [2026-01-01]\n",
    ],
)
@pytest.mark.parametrize("of_workspace", [False, True])
def test_whatever_may_hide_a_rule_that_denies_or_asks_stops_the_team(
    layers: Layers, text: str, *, of_workspace: bool
) -> None:
    (layers.roots[1] / ".starling.toml" if of_workspace else layers.user_file).write_text(text)
    settings, _ = layers.resolve()
    assert settings.team.unreadable == (str(layers.problem()),)
    assert str(layers.problem()) in policies.build_rules(settings).explain_unreadable()


@pytest.mark.parametrize("variable", ["STARLING_TEAM__DENY", "STARLING_TEAM_DENY", "STARLING_TEAM__ASKS"])
def test_a_variable_that_may_hide_a_rule_stops_the_team(layers: Layers, variable: str) -> None:
    layers.environment[variable] = '["reads'
    assert layers.resolve()[0].team.unreadable == (str(layers.problem()),)


@pytest.mark.parametrize(
    "text", ["[team]\nsteps = 0\n", "[team]\nalow = ['edits']\n", "[chats]\nurl = 'x'\n", "[chat]\nmodell = 'x'\n"]
)
def test_another_problem_does_not_stop_the_team(layers: Layers, text: str) -> None:
    layers.user_file.write_text(text)
    assert layers.problem()
    assert layers.resolve()[0].team.unreadable == ()


def test_of_allow_only_the_bad_rule_is_left_out_and_named(layers: Layers) -> None:
    layers.user_file.write_text('[team]\nallow = ["edits path docs/", "edits pat src/"]\ndeny = ["reads path data/"]\n')
    settings, _ = layers.resolve()
    assert settings.team.allow == ("edits path docs/",)
    assert 'entry 2, "edits pat src/", cannot be used: "pat" stands' in layers.problem().message
    assert settings.team.unreadable == ()


def test_one_bad_pattern_does_not_switch_off_the_other_exclusions(layers: Layers) -> None:
    layers.environment["STARLING_INDEX__EXCLUDE"] = "private/, !, *.key"
    settings, _ = layers.resolve()
    assert settings.index.exclude == ("private/", "*.key")
    assert 'entry 2, "!", cannot be used' in layers.problem().message
