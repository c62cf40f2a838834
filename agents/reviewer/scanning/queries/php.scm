[(function_definition) (method_declaration) (anonymous_function)] @function
[(class_declaration) (interface_declaration) (trait_declaration) (enum_declaration)] @class
(if_statement) @branch
(else_clause (if_statement) @chained)
(else_if_clause) @elif
(else_clause) @else
[(for_statement) (foreach_statement) (while_statement) (do_statement)] @loop
(conditional_expression) @ternary
(binary_expression operator: ["&&" "||" "and" "or"]) @boolean
(try_statement) @try
(catch_clause) @catch
(finally_clause) @finally
[(switch_statement) (match_expression)] @switch
[(case_statement) (match_conditional_expression)] @case
(program [(return_statement) (continue_statement) (break_statement) (expression_statement (throw_expression))] @jump)
(compound_statement [(return_statement) (continue_statement) (break_statement) (expression_statement (throw_expression))] @jump)
(colon_block [(return_statement) (continue_statement) (break_statement) (expression_statement (throw_expression))] @jump)
(case_statement [(return_statement) (continue_statement) (break_statement) (expression_statement (throw_expression))] @jump)
(default_statement [(return_statement) (continue_statement) (break_statement) (expression_statement (throw_expression))] @jump)
(binary_expression left: (variable_name) operator: ["==" "===" "!=" "!==" "<" ">" "<=" ">="] right: (variable_name)) @comparison
(binary_expression left: (member_access_expression) operator: ["==" "===" "!=" "!==" "<" ">" "<=" ">="] right: (member_access_expression)) @comparison
(binary_expression operator: ["==" "===" "!=" "!=="] (name) @nan (#eq? @nan "NAN"))
(expression_statement . (binary_expression operator: ["==" "==="]) .) @idle
(assignment_expression left: (variable_name) right: (variable_name)) @assign
(assignment_expression left: (member_access_expression) right: (member_access_expression)) @assign
(if_statement condition: (parenthesized_expression . (assignment_expression) @assigned))
(array_creation_expression (array_element_initializer (_) (_)) (array_element_initializer (_) (_))) @map
(finally_clause body: (compound_statement [(return_statement) (break_statement) (continue_statement)] @escape))
(expression_statement (function_call_expression function: (name) @_name (#any-of? @_name "var_dump" "dd" "xdebug_break"))) @debugger
(comment) @comment
