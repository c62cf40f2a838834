(class_declaration name: (identifier) @name) @definition.class
(function_declaration name: (identifier) @name) @definition.function
(generator_function_declaration name: (identifier) @name) @definition.function
(method_definition name: (_) @name) @definition.method
(class_body member: (field_definition property: (_) @name value: [(arrow_function) (function_expression)]) @definition.method)
(variable_declarator name: (identifier) @name value: [(arrow_function) (function_expression) (generator_function)]) @definition.function
(variable_declarator name: (identifier) @name value: (class)) @definition.class
(program (lexical_declaration (variable_declarator name: (identifier) @name)) @definition.variable)
(program (export_statement declaration: (lexical_declaration (variable_declarator name: (identifier) @name)) @definition.variable))
(assignment_expression left: (member_expression property: (property_identifier) @name) right: [(arrow_function) (function_expression)]) @definition.function
(export_statement) @wrapper

(import_statement source: (string (string_fragment) @module)) @import
(import_statement (import_clause (identifier) @bound) source: (string (string_fragment) @module)) @import
(import_statement (import_clause (namespace_import (identifier) @bound)) source: (string (string_fragment) @module)) @import
(import_statement (import_clause (named_imports (import_specifier !alias name: (_) @bound))) source: (string (string_fragment) @module)) @import
(import_statement (import_clause (named_imports (import_specifier alias: (_) @bound))) source: (string (string_fragment) @module)) @import
(export_statement source: (string (string_fragment) @module)) @import
((variable_declarator name: (identifier) @bound value: (call_expression function: (identifier) @_require arguments: (arguments . (string (string_fragment) @module)))) @import
  (#eq? @_require "require"))
((variable_declarator name: (object_pattern [(shorthand_property_identifier_pattern) @bound (pair_pattern value: (identifier) @bound)]) value: (call_expression function: (identifier) @_require arguments: (arguments . (string (string_fragment) @module)))) @import
  (#eq? @_require "require"))
