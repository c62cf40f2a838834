; on top of c.scm
(lambda_expression) @function
(class_specifier body: (_)) @class
(for_range_loop) @loop
(try_statement) @try
(catch_clause) @catch
(compound_statement [(throw_statement) (co_return_statement)] @jump)
(case_statement [(throw_statement) (co_return_statement)] @jump)
(if_statement condition: (condition_clause value: (assignment_expression) @assigned))
