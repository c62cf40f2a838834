(function_definition) @function
(class_definition) @class
(if_statement) @branch
(elif_clause) @elif
(if_statement alternative: (else_clause) @else)
[(for_statement) (while_statement)] @loop
(conditional_expression) @ternary
(boolean_operator) @boolean
(try_statement) @try
(except_clause) @catch
(finally_clause) @finally
(with_statement) @with
(match_statement) @switch
(case_clause) @case
(module [(return_statement) (raise_statement) (continue_statement) (break_statement)] @jump)
(block [(return_statement) (raise_statement) (continue_statement) (break_statement)] @jump)
(comparison_operator . (identifier) (identifier) .) @comparison
(comparison_operator . (attribute) (attribute) .) @comparison
(comparison_operator . (subscript) (subscript) .) @comparison
(comparison_operator (none)) @none
(comparison_operator [(call) (attribute)] @nan (#match? @nan "^(float\\(.nan.\\)|(math|np|numpy)\\.nan)$"))
(expression_statement . (comparison_operator) .) @idle
(assignment left: (identifier) !type right: (identifier)) @assign
(assignment left: (attribute) right: (attribute)) @assign
(assignment left: (subscript) right: (subscript)) @assign
(dictionary (pair) (pair)) @map
(default_parameter value: [(list) (dictionary) (set) (call) (list_comprehension)] @default)
(typed_default_parameter value: [(list) (dictionary) (set) (call) (list_comprehension)] @default)
(list (concatenated_string)) @strings
(tuple (concatenated_string)) @strings
(set (concatenated_string)) @strings
(expression_statement (call function: [(identifier) (attribute)] @_name
  (#any-of? @_name "breakpoint" "pdb.set_trace" "ipdb.set_trace" "pudb.set_trace" "IPython.embed"))) @debugger
(call function: [(identifier) (attribute)] arguments: (argument_list (identifier) (identifier))) @passing
(call function: [(identifier) (attribute)] arguments: (argument_list (attribute) (attribute))) @passing
(finally_clause (block [(return_statement) (break_statement) (continue_statement)] @escape))
(comment) @comment
(module . (comment)* . (expression_statement . (string) .) @docstring)
(block . (comment)* . (expression_statement . (string) .) @docstring)
