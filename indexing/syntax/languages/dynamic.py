"""Languages that are run from their text: Python, Ruby, PHP, shells and Lua."""

from __future__ import annotations

from indexing.syntax.languages.language import (
    ANY_OPENERS,
    NO_COMMENT,
    TYPED_VARIABLE,
    UNFINISHED,
    DocComment,
    Language,
    Trait,
    kinds,
)

_WORD_OPENER = (
    r"(?:\b(?:do|then|else|begin)(?:\s*\|[^|]*\|)?|^\s*(?:local\s+)?(?:def|class|module|function)\b.*"
    r"|^\s*(?:if|unless|while|until|for|case)\b.*|\bfunction\s*\([^)]*\))\s*$"
)
_WORD_CLOSERS = ("end", "done", "fi", "else", "elif")

LANGUAGES = (
    Language(
        "python",
        "tree_sitter_python:language",
        (".py", ".pyi", ".pyw"),
        filenames=("SConstruct", "SConscript", "wscript"),
        shebangs=("python", "pypy"),
        fences=("py", "python3"),
        blocks=kinds("block module"),
        functions=kinds("function_definition class_definition lambda"),
        docstrings=True,
        imports_bind="first",
        line_comment="#",
        block_comment=NO_COMMENT,
        openers=(":",),
        finished=r"^\s*(?:async\s+)?(?:def|class|if|elif|else|for|while|try|except|finally|with|match|case)\b.*:$",
        columns="statements",
        blank_lines=2,
        test_file=r"^(?:test_\w+|\w+_test)\.py$",
        test_custom="python",
        ruff=True,
        python_parser=True,
        caught_name=r"\s+as\s+\w+$",
        traits=Trait.ASSIGNING_RUNS_CODE
        | Trait.ASSIGNING_DEFINES
        | Trait.YIELD_MAKES_GENERATOR
        | Trait.KEYS_ARE_EXPRESSIONS,
    ),
    Language(
        "ruby",
        "tree_sitter_ruby:language",
        (".rb", ".rake", ".gemspec", ".ru"),
        filenames=("Rakefile", "Gemfile", "Guardfile", "Vagrantfile", "Podfile", "Brewfile"),
        shebangs=("ruby",),
        fences=("rb",),
        strings=kinds("string heredoc_body regex string_array symbol_array"),
        blocks=kinds("body_statement do_block block then else"),
        functions=kinds("method singleton_method class module singleton_class lambda"),
        identifiers=("identifier", "constant", "instance_variable"),
        doc_comment=DocComment("# "),
        imports_bind="",
        line_comment="#",
        block_comment=("\n=begin", "\n=end"),
        openers=ANY_OPENERS,
        word_opener=_WORD_OPENER,
        word_closers=_WORD_CLOSERS,
        finished=UNFINISHED,
        caught_name=r"(?s)=>.*",
        bare_names=r"\b{0}\s*(?:,[^=\n]*)?(?:\|\||&&|[-+*/])?=[^=~>]|\|[^|\n]*\b{0}\b[^|\n]*\||=>\s*{0}\b|\bfor\s+{0}\b"
        r"|\bdef\s[^\n]*[(,\s*&]{0}\b",
        traits=Trait.ASSIGNING_RUNS_CODE | Trait.CAUGHT_NAME_OUTLIVES | Trait.KEYS_ARE_EXPRESSIONS | Trait.SYMBOL_KEYS,
    ),
    Language(
        "php",
        "tree_sitter_php:language_php",
        (".php", ".phtml", ".php5"),
        shebangs=("php",),
        strings=kinds("string encapsed_string heredoc nowdoc"),
        blocks=kinds("compound_statement declaration_list enum_declaration_list switch_block"),
        functions=kinds(
            "function_definition method_declaration anonymous_function arrow_function class_declaration"
            " interface_declaration trait_declaration enum_declaration"
        ),
        identifiers=("name", "variable_name"),
        doc_comment=DocComment(" * ", "/**", " */", "@param ${name} {said}", "@return {said}"),
        caught_name=TYPED_VARIABLE,
        traits=Trait.ASSIGNING_RUNS_CODE | Trait.CAUGHT_NAME_OUTLIVES | Trait.KEYS_ARE_EXPRESSIONS,
    ),
    Language(
        "bash",
        "tree_sitter_bash:language",
        (".sh", ".bash", ".zsh", ".ksh", ".bats", ".ebuild"),
        filenames=(".bashrc", ".bash_profile", ".bash_aliases", ".profile", ".zshrc", ".zprofile", "PKGBUILD"),
        shebangs=("sh", "bash", "zsh", "dash", "ksh"),
        ids=("shellscript", "sh", "zsh"),
        fences=("shell", "console", "shell-session", "terminal"),
        strings=kinds("string raw_string ansi_c_string heredoc_body"),
        blocks=kinds("compound_statement do_group subshell case_item"),
        functions=kinds("function_definition"),
        identifiers=("variable_name", "word"),
        doc_comment=DocComment("# "),
        imports_bind="",
        line_comment="#",
        block_comment=NO_COMMENT,
        openers=ANY_OPENERS,
        word_opener=_WORD_OPENER,
        word_closers=_WORD_CLOSERS,
        finished=UNFINISHED,
        traits=Trait.SHELL,
    ),
    Language(
        "lua",
        "tree_sitter_lua:language",
        (".lua", ".rockspec"),
        shebangs=("lua", "luajit"),
        blocks=kinds("block table_constructor"),
        functions=kinds("function_declaration function_definition"),
        doc_comment=DocComment("--- "),
        imports_bind="",
        line_comment="--",
        block_comment=("--[[", "]]"),
        openers=ANY_OPENERS,
        word_opener=_WORD_OPENER,
        word_closers=_WORD_CLOSERS,
        finished=UNFINISHED,
        traits=Trait.KEYS_ARE_EXPRESSIONS,
    ),
)
