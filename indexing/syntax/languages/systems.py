"""Languages that compile to machine code without a runtime system: C, C++, Go, Rust and Zig."""

from __future__ import annotations

from indexing.syntax.languages.language import (
    JAVADOC,
    NO_COMMENT,
    TYPED_VARIABLE,
    DocComment,
    Language,
    Trait,
    parse_kinds,
)

LANGUAGES = (
    Language(
        "go",
        "tree_sitter_go:language",
        (".go",),
        strings=parse_kinds("interpreted_string_literal raw_string_literal rune_literal"),
        blocks=parse_kinds("block field_declaration_list literal_value interface_type"),
        functions=parse_kinds("function_declaration method_declaration func_literal type_declaration"),
        identifiers=("identifier", "type_identifier", "field_identifier", "package_identifier"),
        doc_comment=DocComment("// ", begins="{name} "),
        apostrophe="character",
        unit="\t",
        test_file=r"_test\.go$",
        test_custom="go",
        resolution="go.rules",
    ),
    Language(
        "rust",
        "tree_sitter_rust:language",
        (".rs",),
        comments=parse_kinds("line_comment block_comment comment"),
        strings=parse_kinds("string_literal raw_string_literal char_literal"),
        blocks=parse_kinds("block declaration_list field_declaration_list enum_variant_list match_block"),
        functions=parse_kinds("function_item closure_expression impl_item trait_item struct_item enum_item mod_item"),
        identifiers=("identifier", "type_identifier", "field_identifier"),
        doc_comment=DocComment("/// "),
        apostrophe="name",
        test_custom="rust",
        resolution="rust.rules",
        traits=Trait.TYPE_TESTS_NARROW | Trait.SEMICOLONS | Trait.BLOCKS_HAVE_VALUES | Trait.METHODS_ARE_CALLED,
    ),
    Language(
        "c",
        "tree_sitter_c:language",
        (".c", ".h"),
        family="c",
        strings=parse_kinds("string_literal char_literal system_lib_string"),
        blocks=parse_kinds("compound_statement field_declaration_list enumerator_list"),
        functions=parse_kinds("function_definition struct_specifier enum_specifier union_specifier"),
        identifiers=("identifier", "type_identifier", "field_identifier"),
        doc_comment=JAVADOC,
        imports_bind="",
        apostrophe="character",
        traits=Trait.VOLATILE | Trait.MACROS,
    ),
    Language(
        "cpp",
        "tree_sitter_cpp:language",
        (".cc", ".cpp", ".cxx", ".c++", ".hh", ".hpp", ".hxx", ".h++", ".ipp", ".tpp", ".inl", ".cu", ".cuh", ".ino"),
        ids=("cuda-cpp",),
        family="c",
        extends=("c",),
        strings=parse_kinds("string_literal raw_string_literal char_literal system_lib_string"),
        blocks=parse_kinds("compound_statement field_declaration_list enumerator_list declaration_list"),
        functions=parse_kinds(
            "function_definition lambda_expression class_specifier struct_specifier enum_specifier union_specifier"
            " namespace_definition"
        ),
        identifiers=("identifier", "type_identifier", "field_identifier", "namespace_identifier"),
        doc_comment=JAVADOC,
        imports_bind="",
        apostrophe="character",
        caught_name=TYPED_VARIABLE,
        traits=Trait.VOLATILE | Trait.MACROS | Trait.TYPE_TESTS_NARROW,
    ),
    Language(
        "zig",
        "tree_sitter_zig:language",
        (".zig",),
        strings=parse_kinds("string multiline_string character"),
        blocks=parse_kinds(
            "block struct_declaration enum_declaration union_declaration opaque_declaration switch_expression"
        ),
        functions=parse_kinds("function_declaration test_declaration"),
        doc_comment=DocComment("/// "),
        imports_bind="",
        block_comment=NO_COMMENT,
        apostrophe="character",
    ),
)
