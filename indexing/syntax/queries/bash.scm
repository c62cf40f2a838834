(function_definition name: (word) @name) @definition.function
(program (variable_assignment name: (variable_name) @name) @definition.variable)

((command name: (command_name (word) @_source) . argument: (_) @module) @import
  (#any-of? @_source "source" "."))
