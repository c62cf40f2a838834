(function_definition) @function
(if_statement) @branch
(elif_clause) @elif
(else_clause) @else
[(for_statement) (c_style_for_statement) (while_statement)] @loop
(list ["&&" "||"]) @boolean
(case_statement) @switch
(case_item) @case
([(program (command name: (command_name (word) @_name)) @jump) (compound_statement (command name: (command_name (word) @_name)) @jump)
  (do_group (command name: (command_name (word) @_name)) @jump) (subshell (command name: (command_name (word) @_name)) @jump)
  (case_item (command name: (command_name (word) @_name)) @jump) (if_statement (command name: (command_name (word) @_name)) @jump)
  (elif_clause (command name: (command_name (word) @_name)) @jump) (else_clause (command name: (command_name (word) @_name)) @jump)]
  (#any-of? @_name "return" "exit" "break" "continue"))
((command name: (command_name (word) @_name)) @removal (#eq? @_name "rm"))
(comment) @comment
