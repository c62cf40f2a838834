; What a table of names is made of; indexing/resolution/languages/java/tables.py reads the captured nodes.
(package_declaration) @package
(import_declaration) @import
[(class_declaration) (interface_declaration) (enum_declaration) (record_declaration) (annotation_type_declaration)] @class
(object_creation_expression (class_body) @unnamed_class)
(enum_constant body: (class_body) @unnamed_class)
[(method_declaration) (annotation_type_element_declaration)] @method
[(constructor_declaration) (compact_constructor_declaration)] @constructor
(static_initializer) @initializer
(class_body (block) @initializer)
(lambda_expression) @lambda
[(field_declaration) (constant_declaration)] @field
(enum_constant) @constant
(local_variable_declaration) @local
(enhanced_for_statement) @element
(catch_formal_parameter) @caught
(resource) @resource
[(instanceof_expression) (type_pattern) (record_pattern_component)] @pattern
[(block) (constructor_body) (for_statement) (try_with_resources_statement) (catch_clause) (switch_rule)
 (switch_block_statement_group) (if_statement) (while_statement)] @block
