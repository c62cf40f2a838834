(object (pair) (pair)) @map
(comment) @comment
