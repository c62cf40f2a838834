(function_definition) @function
[(class_definition) (object_definition) (trait_definition) (enum_definition)] @class
(if_expression) @branch
(if_expression alternative: (if_expression) @chained)
(if_expression alternative: (block) @else)
[(for_expression) (while_expression) (do_while_expression)] @loop
((infix_expression operator: (operator_identifier) @_sign) @boolean (#any-of? @_sign "&&" "||"))
(try_expression) @try
(catch_clause) @catch
(finally_clause) @finally
(match_expression) @switch
(case_block (case_clause) @case)
(block [(return_expression) (throw_expression)] @jump)
(indented_block [(return_expression) (throw_expression)] @jump)
(case_clause body: [(return_expression) (throw_expression)] @jump)
((infix_expression left: (identifier) operator: (operator_identifier) @_sign right: (identifier)) @comparison (#any-of? @_sign "==" "!=" "<" ">" "<=" ">="))
(assignment_expression left: (identifier) right: (identifier)) @assign
[(comment) (block_comment)] @comment
