(rule_set (selectors (_) @name)) @definition.class
(keyframes_statement (keyframes_name) @name) @definition.function
(declaration (property_name) @name (#match? @name "^--")) @definition.variable

(import_statement (string_value (string_content) @module)) @import
