[(method) (singleton_method)] @function
[(class) (module)] @class
[(if) (unless)] @branch
(elsif) @elif
(if alternative: (else) @else)
(elsif alternative: (else) @else)
[(if_modifier) (unless_modifier)] @guard
[(for) (while) (until) (while_modifier) (until_modifier)] @loop
(conditional) @ternary
(binary operator: ["&&" "||" "and" "or"]) @boolean
(begin) @try
(rescue) @catch
(ensure) @finally
(case) @switch
(when) @case
(program [(return) (break) (next)] @jump)
(body_statement [(return) (break) (next)] @jump)
(block_body [(return) (break) (next)] @jump)
(then [(return) (break) (next)] @jump)
(begin [(return) (break) (next)] @jump)
(else [(return) (break) (next)] @jump)
(ensure [(return) (break) (next)] @jump)
(do [(return) (break) (next)] @jump)
(parenthesized_statements [(return) (break) (next)] @jump)
(binary left: (identifier) operator: ["==" "!=" "<" ">" "<=" ">="] right: (identifier)) @comparison
(binary left: (instance_variable) operator: ["==" "!=" "<" ">" "<=" ">="] right: (instance_variable)) @comparison
(binary operator: ["==" "!="] (scope_resolution) @nan (#eq? @nan "Float::NAN"))
(assignment left: (identifier) right: (identifier)) @assign
(assignment left: (instance_variable) right: (instance_variable)) @assign
(hash (pair) (pair)) @map
((call receiver: (identifier) @_what method: (identifier) @_how) @debugger (#eq? @_what "binding") (#any-of? @_how "pry" "irb" "break"))
(ensure (return) @escape)
(comment) @comment
