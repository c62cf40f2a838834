; on top of javascript.scm
(abstract_class_declaration) @class
