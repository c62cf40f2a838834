((call target: (identifier) @_def (arguments . (alias) @name)) @definition.module
  (#eq? @_def "defmodule"))
((call target: (identifier) @_def (arguments . (alias) @name)) @definition.interface
  (#eq? @_def "defprotocol"))
((call target: (identifier) @_def (arguments . (alias) @name)) @scope
  (#eq? @_def "defimpl"))
((call target: (identifier) @_def (arguments . [(identifier) @name (call target: (identifier) @name)])) @definition.function
  (#any-of? @_def "def" "defp" "defdelegate" "defn" "defnp"))
((call target: (identifier) @_def (arguments . (binary_operator left: [(identifier) @name (call target: (identifier) @name)] operator: "when"))) @definition.function
  (#any-of? @_def "def" "defp" "defn" "defnp"))
((call target: (identifier) @_def (arguments . [(identifier) @name (call target: (identifier) @name)])) @definition.macro
  (#any-of? @_def "defmacro" "defmacrop" "defguard" "defguardp"))
((call target: (identifier) @_def (arguments . (binary_operator left: [(identifier) @name (call target: (identifier) @name)] operator: "when"))) @definition.macro
  (#any-of? @_def "defmacro" "defmacrop" "defguard" "defguardp"))
((unary_operator operator: "@" operand: (call target: (identifier) @_attribute (arguments . (binary_operator left: [(identifier) @name (call target: (identifier) @name)] operator: "::")))) @definition.type
  (#any-of? @_attribute "type" "typep" "opaque"))
((unary_operator operator: "@" operand: (call target: (identifier) @name (arguments))) @definition.constant
  (#not-match? @name "^(after_compile|before_compile|behaviour|callback|compile|deprecated|derive|dialyzer|doc|enforce_keys|external_resource|impl|macrocallback|moduledoc|moduletag|on_load|opaque|optional_callbacks|since|spec|tag|type|typedoc|typep)$"))

((call target: (identifier) @_import (arguments . (alias) @module .)) @import
  (#any-of? @_import "alias" "import" "require" "use"))
((call target: (identifier) @_import (arguments . (alias) @module (keywords (pair key: (keyword) @_key value: (_) @_value)))) @import
  (#any-of? @_import "alias" "import" "require" "use") (#not-match? @_key "^as:"))
((call target: (identifier) @_import (arguments . (alias) @module (keywords (pair key: (keyword) @_key value: (alias) @bound)))) @import
  (#any-of? @_import "alias" "require") (#match? @_key "^as:"))
((call target: (identifier) @_import (arguments . (dot left: (alias) @module right: (tuple (alias) @bound)))) @import
  (#any-of? @_import "alias" "import" "require" "use"))
