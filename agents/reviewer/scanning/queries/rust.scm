[(function_item) (closure_expression body: (block))] @function
[(struct_item) (enum_item) (trait_item)] @class
(if_expression) @branch
(else_clause (if_expression) @chained)
(else_clause) @else
[(for_expression) (while_expression) (loop_expression)] @loop
(binary_expression operator: ["&&" "||"]) @boolean
(match_expression) @switch
(match_arm) @case
(block (expression_statement [(return_expression) (break_expression) (continue_expression)]) @jump)
(binary_expression left: (identifier) operator: ["==" "!=" "<" ">" "<=" ">="] right: (identifier)) @comparison
(binary_expression left: (field_expression) operator: ["==" "!=" "<" ">" "<=" ">="] right: (field_expression)) @comparison
(binary_expression left: (index_expression) operator: ["==" "!=" "<" ">" "<=" ">="] right: (index_expression)) @comparison
(binary_expression operator: ["==" "!=" "<" ">" "<=" ">="] (scoped_identifier) @nan (#any-of? @nan "f32::NAN" "f64::NAN" "std::f32::NAN" "std::f64::NAN"))
(assignment_expression left: (identifier) right: (identifier)) @assign
(assignment_expression left: (field_expression) right: (field_expression)) @assign
((macro_invocation macro: (identifier) @_name) @debugger (#eq? @_name "dbg"))
[(line_comment) (block_comment)] @comment
