(function_body) @function
[(class_definition) (mixin_declaration) (extension_declaration) (enum_declaration)] @class
(if_statement) @branch
(if_statement alternative: (if_statement) @chained)
(if_statement alternative: (block) @else)
[(for_statement) (while_statement) (do_statement)] @loop
(conditional_expression) @ternary
[(logical_and_expression) (logical_or_expression)] @boolean
(try_statement) @try
(finally_clause) @finally
(switch_statement) @switch
(switch_statement_case) @case
(block [(return_statement) (continue_statement) (break_statement)] @jump)
(switch_statement_case [(return_statement) (continue_statement) (break_statement)] @jump)
(switch_statement_default [(return_statement) (continue_statement) (break_statement)] @jump)
(block (expression_statement [(throw_expression) (rethrow_expression)]) @jump)
(switch_statement_case (expression_statement [(throw_expression) (rethrow_expression)]) @jump)
(switch_statement_default (expression_statement [(throw_expression) (rethrow_expression)]) @jump)
(equality_expression . (identifier) (equality_operator) (identifier) .) @comparison
(relational_expression . (identifier) (relational_operator) (identifier) .) @comparison
(assignment_expression left: (assignable_expression . (identifier) .) right: (identifier)) @assign
(finally_clause (block (return_statement) @escape))
[(comment) (documentation_comment)] @comment
