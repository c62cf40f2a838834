; What a table of names is made of; indexing/resolution/languages/rust/tables.py reads the captured nodes.
(use_declaration) @use
(extern_crate_declaration) @extern
(mod_item) @module
[(function_item) (function_signature_item)] @function
(call_expression arguments: (arguments (closure_expression))) @giving
(closure_expression) @unnamed
[(struct_item) (union_item)] @struct
(enum_item) @enum
(trait_item) @trait
(impl_item) @impl
[(type_item) (associated_type)] @alias
[(const_item) (static_item)] @constant
[(let_declaration) (let_condition)] @let
(for_expression) @for
(match_expression) @match
(match_arm) @arm
[(block) (if_expression) (while_expression)] @block
(source_file (macro_invocation) @items)
(source_file (expression_statement (macro_invocation) @items))
(declaration_list (macro_invocation) @items)
