(function_declaration name: (identifier) @name) @definition.function
(source_file (variable_declaration "const" . (identifier) @name (_) @_value .) @definition.constant (#not-match? @_value "^@(import|This)\\b"))
(source_file (variable_declaration "var" . (identifier) @name) @definition.variable)
(struct_declaration (variable_declaration "const" . (identifier) @name (_) @_value .) @definition.constant (#not-match? @_value "^@(import|This)\\b"))
(struct_declaration (variable_declaration "var" . (identifier) @name) @definition.variable)
(source_file (container_field name: (identifier) @name) @definition.variable)
(struct_declaration (container_field name: (identifier) @name) @definition.variable)
(variable_declaration . (identifier) @name [(struct_declaration) (enum_declaration) (union_declaration) (opaque_declaration)]) @definition.class
(variable_declaration . (identifier) @name (error_set_declaration)) @definition.type

(variable_declaration . (identifier) @bound (builtin_function (builtin_identifier) @_import (arguments . (string (string_content) @module)))
  (#eq? @_import "@import")) @import
(variable_declaration . (identifier) @bound
  (field_expression (builtin_function (builtin_identifier) @_import (arguments . (string (string_content) @module))))
  (#eq? @_import "@import")) @import
