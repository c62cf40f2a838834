[(method_declaration) (constructor_declaration) (local_function_statement) (accessor_declaration body: (block))
 (operator_declaration) (lambda_expression body: (block)) (anonymous_method_expression)] @function
[(class_declaration) (interface_declaration) (struct_declaration) (record_declaration) (enum_declaration)] @class
(if_statement) @branch
(if_statement alternative: (if_statement) @chained)
(if_statement alternative: (block) @else)
[(for_statement) (foreach_statement) (while_statement) (do_statement)] @loop
(conditional_expression) @ternary
(binary_expression operator: ["&&" "||"]) @boolean
(try_statement) @try
(catch_clause) @catch
(finally_clause) @finally
[(switch_statement) (switch_expression)] @switch
(switch_section "case") @case
(switch_expression_arm) @case
(block [(return_statement) (throw_statement) (continue_statement) (break_statement)] @jump)
(switch_section [(return_statement) (throw_statement) (continue_statement) (break_statement)] @jump)
(binary_expression left: (identifier) operator: ["==" "!=" "<" ">" "<=" ">="] right: (identifier)) @comparison
(binary_expression left: (member_access_expression) operator: ["==" "!=" "<" ">" "<=" ">="] right: (member_access_expression)) @comparison
(binary_expression operator: ["==" "!="] (member_access_expression) @nan (#any-of? @nan "double.NaN" "Double.NaN" "float.NaN"))
(assignment_expression left: (identifier) operator: "=" right: (identifier)) @assign
(assignment_expression left: (member_access_expression) operator: "=" right: (member_access_expression)) @assign
(if_statement condition: (assignment_expression) @assigned)
(if_statement consequence: (empty_statement) @stray)
(comment) @comment
