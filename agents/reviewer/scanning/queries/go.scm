[(function_declaration) (method_declaration) (func_literal)] @function
(type_declaration (type_spec type: [(struct_type) (interface_type)])) @class
(if_statement) @branch
(if_statement alternative: (if_statement) @chained)
(if_statement alternative: (block) @else)
(for_statement) @loop
(binary_expression operator: ["&&" "||"]) @boolean
[(expression_switch_statement) (type_switch_statement) (select_statement)] @switch
[(expression_case) (type_case) (communication_case)] @case
(statement_list [(return_statement) (break_statement) (continue_statement) (goto_statement)] @jump)
(binary_expression left: (identifier) operator: ["==" "!=" "<" ">" "<=" ">="] right: (identifier)) @comparison
(binary_expression left: (selector_expression) operator: ["==" "!=" "<" ">" "<=" ">="] right: (selector_expression)) @comparison
(binary_expression left: (index_expression) operator: ["==" "!=" "<" ">" "<=" ">="] right: (index_expression)) @comparison
(binary_expression operator: ["==" "!=" "<" ">" "<=" ">="] (call_expression) @nan (#eq? @nan "math.NaN()"))
(assignment_statement left: (expression_list . (identifier) .) right: (expression_list . (identifier) .)) @assign
(assignment_statement left: (expression_list . (selector_expression) .) right: (expression_list . (selector_expression) .)) @assign
(literal_value (keyed_element) (keyed_element)) @map
(for_statement body: (block (statement_list (defer_statement) @deferred)))
(comment) @comment
