; What a table of names is made of; indexing/resolution/languages/go/tables.py reads the captured nodes.
(package_clause) @package
(import_spec) @import
(function_declaration) @function
(method_declaration) @method
(func_literal) @unnamed
(type_spec) @type
(type_alias) @alias
(struct_type) @struct
(const_declaration) @constants
(var_spec) @variable
(short_var_declaration) @short
(range_clause) @range
(receive_statement) @receive
(type_switch_statement) @switch
[(block) (if_statement) (for_statement) (expression_switch_statement) (select_statement)] @block
[(expression_case) (default_case) (communication_case)] @block
(type_case) @case
