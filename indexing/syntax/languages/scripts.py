"""JavaScript, TypeScript and TSX, whose grammars share most of their node kinds."""

from __future__ import annotations

from dataclasses import replace

from indexing.syntax.languages.language import DocComment, Language, Trait, parse_kinds

_BLOCKS = parse_kinds("statement_block class_body switch_body object")
_TYPED_BLOCKS = _BLOCKS | parse_kinds("interface_body enum_body object_type")
_FUNCTIONS = parse_kinds(
    "function_declaration function_expression arrow_function method_definition generator_function"
    " generator_function_declaration class_declaration class abstract_class_declaration interface_declaration"
    " internal_module"
)
_STRINGS = parse_kinds("string template_string regex")
_TYPED_NAMES = ("identifier", "type_identifier", "property_identifier", "shorthand_property_identifier_pattern")
_DOC_COMMENT = DocComment(" * ", "/**", " */", "@param {name} - {said}", "@returns {said}")
_TEST_FILE = r"\.(?P<mark>test|spec)\.[cm]?[jt]sx?$"
_ALL = r"(?s).+"  # a handler names its variable and no type: it catches everything
_TRAITS = Trait.ASSIGNING_RUNS_CODE | Trait.ASSIGNING_DEFINES | Trait.HOISTS | Trait.CAUGHT_NAME_FIRST

_TYPESCRIPT = Language(
    "typescript",
    "tree_sitter_typescript:language_typescript",
    (".ts", ".mts", ".cts"),
    shebangs=("ts-node", "tsx"),
    family="script",
    extends=("javascript",),
    strings=_STRINGS,
    blocks=_TYPED_BLOCKS,
    functions=_FUNCTIONS,
    identifiers=_TYPED_NAMES,
    doc_comment=_DOC_COMMENT,
    imports_bind="",
    test_file=_TEST_FILE,
    test_custom="script",
    resolution="script",
    resolves_libraries=True,
    caught_name=_ALL,
    traits=_TRAITS | Trait.TYPE_TESTS_NARROW,
)

LANGUAGES = (
    Language(
        "javascript",
        "tree_sitter_javascript:language",
        (".js", ".jsx", ".mjs", ".cjs"),
        shebangs=("node", "bun", "deno"),
        ids=("javascriptreact",),
        family="script",
        strings=_STRINGS,
        blocks=_BLOCKS,
        functions=_FUNCTIONS,
        identifiers=("identifier", "property_identifier", "shorthand_property_identifier_pattern"),
        doc_comment=_DOC_COMMENT,
        imports_bind="",
        test_file=_TEST_FILE,
        test_custom="script",
        resolution="script",
        resolves_libraries=True,
        caught_name=_ALL,
        traits=_TRAITS,
    ),
    _TYPESCRIPT,
    replace(
        _TYPESCRIPT,
        name="tsx",
        grammar="tree_sitter_typescript:language_tsx",
        extensions=(".tsx",),
        ids=("typescriptreact",),
        shebangs=(),
        query="typescript",
    ),
)
