(class_declaration name: (type_identifier) @name) @definition.class
(abstract_class_declaration name: (type_identifier) @name) @definition.class
(interface_declaration name: (type_identifier) @name) @definition.interface
(type_alias_declaration name: (type_identifier) @name) @definition.type
(enum_declaration name: (identifier) @name) @definition.class
(internal_module name: (_) @name) @definition.module
(module name: (_) @name) @definition.module
(function_declaration name: (identifier) @name) @definition.function
(generator_function_declaration name: (identifier) @name) @definition.function
(function_signature name: (identifier) @name) @definition.function
(method_definition name: (_) @name) @definition.method
(method_signature name: (_) @name) @definition.method
(abstract_method_signature name: (_) @name) @definition.method
(public_field_definition name: (_) @name value: [(arrow_function) (function_expression)]) @definition.method
(variable_declarator name: (identifier) @name value: [(arrow_function) (function_expression) (generator_function)]) @definition.function
(variable_declarator name: (identifier) @name value: (class)) @definition.class
(program (lexical_declaration (variable_declarator name: (identifier) @name)) @definition.variable)
(program (export_statement declaration: (lexical_declaration (variable_declarator name: (identifier) @name)) @definition.variable))
(export_statement) @wrapper
(ambient_declaration) @wrapper

(import_statement source: (string (string_fragment) @module)) @import
(import_statement (import_clause (identifier) @bound) source: (string (string_fragment) @module)) @import
(import_statement (import_clause (namespace_import (identifier) @bound)) source: (string (string_fragment) @module)) @import
(import_statement (import_clause (named_imports (import_specifier !alias name: (_) @bound))) source: (string (string_fragment) @module)) @import
(import_statement (import_clause (named_imports (import_specifier alias: (_) @bound))) source: (string (string_fragment) @module)) @import
(export_statement source: (string (string_fragment) @module)) @import
((variable_declarator name: (identifier) @bound value: (call_expression function: (identifier) @_require arguments: (arguments . (string (string_fragment) @module)))) @import
  (#eq? @_require "require"))
