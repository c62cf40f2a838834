[(function_declaration) (init_declaration) (deinit_declaration)] @function
[(class_declaration) (protocol_declaration)] @class
[(if_statement) (guard_statement)] @branch
(if_statement (if_statement) @chained)
[(for_statement) (while_statement) (repeat_while_statement)] @loop
(ternary_expression) @ternary
[(conjunction_expression) (disjunction_expression)] @boolean
(do_statement) @try
(catch_block) @catch
(switch_statement) @switch
(switch_entry (switch_pattern)) @case
(statements (control_transfer_statement) @jump)
(equality_expression lhs: (simple_identifier) rhs: (simple_identifier)) @comparison
(equality_expression lhs: (navigation_expression) rhs: (navigation_expression)) @comparison
(comparison_expression lhs: (simple_identifier) rhs: (simple_identifier)) @comparison
(assignment target: (directly_assignable_expression (simple_identifier)) result: (simple_identifier)) @assign
[(comment) (multiline_comment)] @comment
