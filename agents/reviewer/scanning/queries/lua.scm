[(function_declaration) (function_definition)] @function
(if_statement) @branch
(elseif_statement) @elif
(else_statement) @else
[(for_statement) (while_statement) (repeat_statement)] @loop
(binary_expression operator: ["and" "or"]) @boolean
(block [(break_statement) (goto_statement)] @jump)
(chunk [(break_statement) (goto_statement)] @jump)
(binary_expression left: (identifier) operator: ["==" "~=" "<" ">" "<=" ">="] right: (identifier)) @comparison
(binary_expression left: (dot_index_expression) operator: ["==" "~=" "<" ">" "<=" ">="] right: (dot_index_expression)) @comparison
(table_constructor (field name: (_)) (field name: (_))) @map
(comment) @comment
