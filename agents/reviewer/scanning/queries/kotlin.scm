[(function_declaration) (secondary_constructor) (anonymous_function)] @function
[(class_declaration) (object_declaration)] @class
(if_expression) @branch
(if_expression (if_expression) @chained)
[(for_statement) (while_statement) (do_while_statement)] @loop
(binary_expression operator: ["&&" "||"]) @boolean
(try_expression) @try
(catch_block) @catch
(finally_block) @finally
(when_expression) @switch
(when_entry condition: (_)) @case
(block [(return_expression) (throw_expression)] @jump)
(lambda_literal [(return_expression) (throw_expression)] @jump)
(binary_expression left: (identifier) operator: ["==" "===" "!=" "!==" "<" ">" "<=" ">="] right: (identifier)) @comparison
(binary_expression operator: ["==" "!="] (navigation_expression) @nan (#any-of? @nan "Double.NaN" "Float.NaN"))
(assignment left: (identifier) right: (identifier)) @assign
(finally_block (block [(return_expression) (throw_expression)] @escape))
[(line_comment) (block_comment)] @comment
