(function_item name: (identifier) @name) @definition.function
(function_signature_item name: (identifier) @name) @definition.function
(struct_item name: (type_identifier) @name) @definition.class
(enum_item name: (type_identifier) @name) @definition.class
(union_item name: (type_identifier) @name) @definition.class
(trait_item name: (type_identifier) @name) @definition.interface
(type_item name: (type_identifier) @name) @definition.type
(mod_item name: (identifier) @name body: (_)) @definition.module
(const_item name: (identifier) @name) @definition.constant
(static_item name: (identifier) @name) @definition.constant
(macro_definition name: (identifier) @name) @definition.macro
(impl_item type: (type_identifier) @name) @scope
(impl_item type: (generic_type type: (type_identifier) @name)) @scope

(use_declaration argument: (identifier) @module) @import
(use_declaration argument: (scoped_identifier path: (_) @module name: (_) @bound)) @import
(use_declaration argument: (use_as_clause path: (scoped_identifier path: (_) @module) alias: (identifier) @bound)) @import
(use_declaration argument: (use_wildcard (_) @module)) @import
(use_declaration argument: (scoped_use_list path: (_) @module list: (use_list (identifier) @bound))) @import
(use_declaration argument: (scoped_use_list path: (_) @module list: (use_list (scoped_identifier name: (_) @bound)))) @import
(use_declaration argument: (scoped_use_list path: (_) @module list: (use_list (use_as_clause alias: (identifier) @bound)))) @import
