(function_declaration name: (_) @name) @definition.function
(assignment_statement (variable_list . name: (_) @name) (expression_list . value: (function_definition))) @definition.function
(chunk (variable_declaration (assignment_statement (variable_list . name: (identifier) @name) (expression_list . value: [(number) (string) (table_constructor) (true) (false)]))) @definition.variable)

((assignment_statement (variable_list . name: (identifier) @bound) (expression_list . value: (function_call name: (identifier) @_require arguments: (arguments (string content: (string_content) @module))))) @import
  (#eq? @_require "require"))
