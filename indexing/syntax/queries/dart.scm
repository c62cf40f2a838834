(class_definition name: (identifier) @name) @definition.class
(mixin_declaration (mixin) . (identifier) @name) @definition.class
(enum_declaration name: (identifier) @name) @definition.class
(extension_declaration name: (identifier) @name) @definition.class
(type_alias . (type_identifier) @name) @definition.type
(program ((function_signature name: (identifier) @name) @definition.function . (function_body) @body))
(class_body ((method_signature (_ name: (identifier) @name)) @definition.method . (function_body) @body))
(extension_body ((method_signature (_ name: (identifier) @name)) @definition.method . (function_body) @body))
(class_body (declaration (function_signature name: (identifier) @name)) @definition.method)
(class_body (declaration (constructor_signature . name: (identifier) @name)) @definition.method)
(program (static_final_declaration_list (static_final_declaration (identifier) @name)) @definition.constant)

(import_or_export (library_import (import_specification (configurable_uri (uri (string_literal) @module))))) @import
(import_or_export (library_import (import_specification (configurable_uri (uri (string_literal) @module)) (identifier) @bound))) @import
