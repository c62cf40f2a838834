[(method_declaration) (constructor_declaration) (compact_constructor_declaration)] @function
(lambda_expression body: (block)) @function
[(class_declaration) (interface_declaration) (enum_declaration) (record_declaration)] @class
(if_statement) @branch
(if_statement alternative: (if_statement) @chained)
(if_statement alternative: (block) @else)
[(for_statement) (enhanced_for_statement) (while_statement) (do_statement)] @loop
(ternary_expression) @ternary
(binary_expression operator: ["&&" "||"]) @boolean
[(try_statement) (try_with_resources_statement)] @try
(catch_clause) @catch
(finally_clause) @finally
(switch_expression) @switch
(switch_label (_)) @case
(block [(return_statement) (throw_statement) (continue_statement) (break_statement)] @jump)
(constructor_body [(return_statement) (throw_statement) (continue_statement) (break_statement)] @jump)
(switch_block_statement_group [(return_statement) (throw_statement) (continue_statement) (break_statement)] @jump)
(binary_expression left: (identifier) operator: ["==" "!=" "<" ">" "<=" ">="] right: (identifier)) @comparison
(binary_expression left: (field_access) operator: ["==" "!=" "<" ">" "<=" ">="] right: (field_access)) @comparison
(binary_expression left: (array_access) operator: ["==" "!=" "<" ">" "<=" ">="] right: (array_access)) @comparison
(binary_expression operator: ["==" "!="] (field_access) @nan (#any-of? @nan "Double.NaN" "Float.NaN"))
(assignment_expression left: (identifier) operator: "=" right: (identifier)) @assign
(assignment_expression left: (field_access) operator: "=" right: (field_access)) @assign
(if_statement condition: (parenthesized_expression . (assignment_expression) @assigned))
(if_statement consequence: ";" @stray)
(finally_clause (block [(return_statement) (throw_statement) (break_statement) (continue_statement)] @escape))
[(line_comment) (block_comment)] @comment
