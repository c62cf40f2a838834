; Captures of every query: @definition.KIND with its @name (and @body where the grammar has no such field),
; @scope with @name for what only holds definitions, @wrapper for what belongs to the definition inside it,
; @import with @module and @bound.
(class_definition name: (identifier) @name) @definition.class
(function_definition name: (identifier) @name) @definition.function
(decorated_definition) @wrapper
(module (expression_statement (assignment left: (identifier) @name) @definition.variable))
(class_definition body: (block (expression_statement (assignment left: (identifier) @name) @definition.variable)))
(type_alias_statement left: (type (identifier) @name)) @definition.type

(import_statement name: (dotted_name) @module) @import
(import_statement name: (aliased_import name: (dotted_name) @module alias: (identifier) @bound)) @import
(import_from_statement module_name: (_) @module) @import
(import_from_statement module_name: (_) @module name: (dotted_name) @bound) @import
(import_from_statement module_name: (_) @module name: (aliased_import alias: (identifier) @bound)) @import
