(block_mapping (block_mapping_pair) (block_mapping_pair)) @map
(flow_mapping (flow_pair) (flow_pair)) @map
(comment) @comment
