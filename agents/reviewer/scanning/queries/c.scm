(function_definition) @function
[(struct_specifier body: (_)) (union_specifier body: (_))] @class
(if_statement) @branch
(else_clause (if_statement) @chained)
(else_clause) @else
[(for_statement) (while_statement) (do_statement)] @loop
(conditional_expression) @ternary
(binary_expression operator: ["&&" "||"]) @boolean
(switch_statement) @switch
(case_statement value: (_)) @case
(compound_statement [(return_statement) (break_statement) (continue_statement) (goto_statement)] @jump)
(case_statement [(return_statement) (break_statement) (continue_statement) (goto_statement)] @jump)
(binary_expression left: (identifier) operator: ["==" "!=" "<" ">" "<=" ">="] right: (identifier)) @comparison
(binary_expression left: (field_expression) operator: ["==" "!=" "<" ">" "<=" ">="] right: (field_expression)) @comparison
(binary_expression left: (subscript_expression) operator: ["==" "!=" "<" ">" "<=" ">="] right: (subscript_expression)) @comparison
(binary_expression operator: ["==" "!=" "<" ">" "<=" ">="] (identifier) @nan (#eq? @nan "NAN"))
(expression_statement . (binary_expression operator: "==") .) @idle
(assignment_expression left: (identifier) operator: "=" right: (identifier)) @assign
(assignment_expression left: (field_expression) operator: "=" right: (field_expression)) @assign
(if_statement consequence: (expression_statement . ";" .) @stray)
(comment) @comment
