(document (object (pair key: (string (string_content) @name)) @definition.variable))
(document (object (pair value: (object (pair key: (string (string_content) @name)) @definition.variable))))
