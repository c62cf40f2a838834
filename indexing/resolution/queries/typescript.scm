; What a table of names is made of; indexing/resolution/languages/script_tables.py reads the captured nodes.
(import_statement) @import
(export_statement) @export
[(function_declaration) (generator_function_declaration) (function_signature)] @function
[(method_definition) (method_signature) (abstract_method_signature)] @method
[(arrow_function) (function_expression) (generator_function)] @unnamed
[(class_declaration) (abstract_class_declaration) (class) (interface_declaration) (enum_declaration) (internal_module)] @class
(type_alias_declaration) @type
[(public_field_definition) (property_signature)] @field
(variable_declarator) @variable
(assignment_expression) @assignment
(return_statement) @return
(for_in_statement) @element
(binary_expression operator: "instanceof") @narrowing
