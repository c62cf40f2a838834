[(function_declaration) (function_expression) (arrow_function) (method_definition)
 (generator_function_declaration) (generator_function)] @function
[(class_declaration) (class)] @class
(if_statement) @branch
(else_clause (if_statement) @chained)
(else_clause) @else
[(for_statement) (for_in_statement) (while_statement) (do_statement)] @loop
(ternary_expression) @ternary
(binary_expression operator: ["&&" "||"]) @boolean
(try_statement) @try
(catch_clause) @catch
(finally_clause) @finally
(switch_statement) @switch
(switch_case) @case
(program [(return_statement) (throw_statement) (continue_statement) (break_statement)] @jump)
(statement_block [(return_statement) (throw_statement) (continue_statement) (break_statement)] @jump)
(switch_case [(return_statement) (throw_statement) (continue_statement) (break_statement)] @jump)
(switch_default [(return_statement) (throw_statement) (continue_statement) (break_statement)] @jump)
(binary_expression left: (identifier) operator: ["==" "===" "!=" "!==" "<" ">" "<=" ">="] right: (identifier)) @comparison
(binary_expression left: (member_expression) operator: ["==" "===" "!=" "!==" "<" ">" "<=" ">="] right: (member_expression)) @comparison
(binary_expression left: (subscript_expression) operator: ["==" "===" "!=" "!==" "<" ">" "<=" ">="] right: (subscript_expression)) @comparison
(binary_expression operator: ["==" "===" "!=" "!==" "<" ">" "<=" ">="] [(identifier) (member_expression)] @nan (#any-of? @nan "NaN" "Number.NaN"))
(binary_expression left: (unary_expression operator: "!") operator: ["in" "instanceof"]) @negated
(binary_expression left: (unary_expression operator: "typeof") operator: ["==" "===" "!=" "!=="] right: (string) @typeof)
(expression_statement . (binary_expression operator: ["==" "==="]) .) @idle
(assignment_expression left: (identifier) right: (identifier)) @assign
(assignment_expression left: (member_expression) right: (member_expression)) @assign
(if_statement condition: (parenthesized_expression . (assignment_expression) @assigned))
(object (pair) (pair)) @map
(debugger_statement) @debugger
(expression_statement (call_expression function: (member_expression object: (identifier) @_what property: (property_identifier) @_only)) @focused
  (#any-of? @_what "it" "test" "describe" "context" "suite" "specify") (#eq? @_only "only"))
(expression_statement (call_expression function: (identifier) @_fit . arguments: (arguments . [(string) (template_string)])) @focused
  (#any-of? @_fit "fit" "fdescribe" "ddescribe" "iit"))
(new_expression constructor: (identifier) @_promise arguments: (arguments . (arrow_function "async") @executor) (#eq? @_promise "Promise"))
(new_expression constructor: (identifier) @_promise arguments: (arguments . (function_expression "async") @executor) (#eq? @_promise "Promise"))
(finally_clause body: (statement_block [(return_statement) (throw_statement) (break_statement) (continue_statement)] @escape))
(if_statement consequence: (empty_statement) @stray)
(comment) @comment
