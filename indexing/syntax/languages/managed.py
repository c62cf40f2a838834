"""Compiled languages with a runtime system: Java, C#, Kotlin, Swift, Scala and Dart."""

from __future__ import annotations

from indexing.syntax.languages.language import JAVADOC, TYPED_VARIABLE, DocComment, Language, Trait, parse_kinds

_SLASH_COMMENTS = parse_kinds("line_comment block_comment comment")

LANGUAGES = (
    Language(
        "java",
        "tree_sitter_java:language",
        (".java",),
        comments=_SLASH_COMMENTS,
        strings=parse_kinds("string_literal character_literal"),
        blocks=parse_kinds(
            "block class_body interface_body enum_body constructor_body switch_block annotation_type_body"
        ),
        functions=parse_kinds(
            "method_declaration constructor_declaration lambda_expression class_declaration interface_declaration"
            " enum_declaration record_declaration"
        ),
        identifiers=("identifier", "type_identifier"),
        doc_comment=JAVADOC,
        apostrophe="character",
        resolution="java.rules",
        caught_name=TYPED_VARIABLE,
        traits=Trait.VOLATILE
        | Trait.TYPE_TESTS_NARROW
        | Trait.IMPLICIT_RECEIVER
        | Trait.SEMICOLONS
        | Trait.METHODS_ARE_CALLED
        | Trait.TYPE_BEGINS_METHOD,
    ),
    Language(
        "csharp",
        "tree_sitter_c_sharp:language",
        (".cs", ".csx"),
        fences=("cs", "c#"),
        strings=parse_kinds(
            "string_literal verbatim_string_literal raw_string_literal interpolated_string_expression character_literal"
        ),
        blocks=parse_kinds("block declaration_list accessor_list enum_member_declaration_list switch_body"),
        functions=parse_kinds(
            "method_declaration constructor_declaration local_function_statement lambda_expression class_declaration"
            " interface_declaration struct_declaration record_declaration enum_declaration namespace_declaration"
        ),
        doc_comment=DocComment("/// ", around=("<summary>", "</summary>")),
        imports_bind="",
        apostrophe="character",
        caught_name=TYPED_VARIABLE,
        traits=Trait.VOLATILE
        | Trait.TYPE_TESTS_NARROW
        | Trait.IMPLICIT_RECEIVER
        | Trait.ASSIGNING_RUNS_CODE
        | Trait.YIELD_MAKES_GENERATOR,
    ),
    Language(
        "kotlin",
        "tree_sitter_kotlin:language",
        (".kt", ".kts"),
        comments=_SLASH_COMMENTS,
        strings=parse_kinds("string_literal multiline_string_literal character_literal"),
        blocks=parse_kinds("block function_body class_body enum_class_body"),
        functions=parse_kinds(
            "function_declaration lambda_literal class_declaration object_declaration companion_object"
        ),
        doc_comment=JAVADOC,
        apostrophe="character",
        caught_name=r"^[^:]*(?::|$)",
        traits=Trait.TYPE_TESTS_NARROW | Trait.IMPLICIT_RECEIVER | Trait.ASSIGNING_RUNS_CODE | Trait.CAUGHT_NAME_FIRST,
    ),
    Language(
        "swift",
        "tree_sitter_swift:language",
        (".swift",),
        comments=parse_kinds("comment multiline_comment"),
        strings=parse_kinds("line_string_literal multi_line_string_literal raw_string_literal"),
        blocks=parse_kinds("function_body class_body protocol_body enum_class_body statements computed_property"),
        functions=parse_kinds(
            "function_declaration init_declaration lambda_literal class_declaration protocol_declaration"
        ),
        identifiers=("simple_identifier", "type_identifier"),
        doc_comment=DocComment("/// "),
        apostrophe="character",
        caught_name=r"^let \w+$",
        traits=Trait.TYPE_TESTS_NARROW
        | Trait.IMPLICIT_RECEIVER
        | Trait.ASSIGNING_RUNS_CODE
        | Trait.RETURN_TAKES_NEXT_LINE,
    ),
    Language(
        "scala",
        "tree_sitter_scala:language",
        (".scala", ".sc", ".sbt"),
        comments=parse_kinds("comment block_comment"),
        strings=parse_kinds("string interpolated_string character_literal"),
        blocks=parse_kinds("block template_body indented_block enum_body case_block"),
        functions=parse_kinds(
            "function_definition lambda_expression class_definition object_definition trait_definition enum_definition"
        ),
        identifiers=("identifier", "type_identifier"),
        doc_comment=JAVADOC,
        apostrophe="character",
        bare_names=r"\bva[lr]\s+{0}\b|\b{0}\s*(?::|=>|<-|@)|\bcase\b[^=\n]*\b{0}\b",
        traits=Trait.TYPE_TESTS_NARROW | Trait.ASSIGNING_RUNS_CODE | Trait.CAUGHT_NAME_FIRST,
    ),
    Language(
        "dart",
        "tree_sitter_dart:language",
        (".dart",),
        comments=parse_kinds("comment documentation_comment"),
        strings=parse_kinds("string_literal"),
        blocks=parse_kinds("block class_body extension_body enum_body"),
        functions=parse_kinds(
            "function_signature method_signature function_body function_expression class_definition mixin_declaration"
            " extension_declaration enum_declaration"
        ),
        identifiers=("identifier", "type_identifier"),
        imports_bind="",
        traits=Trait.TYPE_TESTS_NARROW | Trait.ASSIGNING_RUNS_CODE,
    ),
)
