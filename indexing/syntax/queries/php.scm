(class_declaration name: (name) @name) @definition.class
(enum_declaration name: (name) @name) @definition.class
(trait_declaration name: (name) @name) @definition.class
(interface_declaration name: (name) @name) @definition.interface
(function_definition name: (name) @name) @definition.function
(method_declaration name: (name) @name) @definition.method
(const_declaration (const_element (name) @name)) @definition.constant
(property_declaration (property_element name: (variable_name (name) @name))) @definition.variable

(namespace_use_declaration (namespace_use_clause !alias (qualified_name (name) @bound) @module)) @import
(namespace_use_declaration (namespace_use_clause !alias . (name) @module)) @import
(namespace_use_declaration (namespace_use_clause (qualified_name) @module alias: (name) @bound)) @import
(namespace_use_declaration (namespace_name) @module body: (namespace_use_group (namespace_use_clause !alias (name) @bound))) @import
(namespace_use_declaration (namespace_name) @module body: (namespace_use_group (namespace_use_clause alias: (name) @bound))) @import
(require_once_expression (_ (string_content) @module)) @import
(require_expression (_ (string_content) @module)) @import
(include_expression (_ (string_content) @module)) @import
