(function_definition) @function
(if_statement) @branch
(elif_clause) @elif
(else_clause) @else
[(for_statement) (c_style_for_statement) (while_statement)] @loop
(list ["&&" "||"]) @boolean
(case_statement) @switch
(case_item) @case
((command name: (command_name (word) @_name)) . (_) @dead (#any-of? @_name "return" "exit" "break" "continue"))
((command name: (command_name (word) @_name)) @removal (#eq? @_name "rm"))
(comment) @comment
