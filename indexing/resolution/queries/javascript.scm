; What a table of names is made of; indexing/resolution/languages/script_tables.py reads the captured nodes.
(import_statement) @import
(export_statement) @export
[(function_declaration) (generator_function_declaration)] @function
(method_definition) @method
[(arrow_function) (function_expression) (generator_function)] @unnamed
[(class_declaration) (class)] @class
(field_definition) @field
(variable_declarator) @variable
(assignment_expression) @assignment
(return_statement) @return
(for_in_statement) @element
(binary_expression operator: "instanceof") @narrowing
