(create_table (object_reference name: (identifier) @name)) @definition.class
(create_view . (_) (object_reference name: (identifier) @name)) @definition.class
(create_function (object_reference name: (identifier) @name)) @definition.function
(create_index column: (identifier) @name) @definition.variable
