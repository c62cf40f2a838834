; What a table of names is made of; indexing/resolution/languages/python_tables.py reads the captured nodes.
(import_statement) @import
(import_from_statement) @from
(function_definition) @function
(class_definition) @class
(assignment) @assignment
(augmented_assignment) @exporting
(named_expression) @assignment
(return_statement) @return
(for_statement) @element
(for_in_clause) @element
(as_pattern) @as
(call function: (identifier) @called (#eq? @called "isinstance")) @narrowing
(call function: (attribute object: (identifier) @called) (#eq? @called "__all__")) @exporting
