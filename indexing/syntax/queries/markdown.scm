(section (atx_heading heading_content: (inline) @name)) @definition.module
(section (setext_heading heading_content: (paragraph (inline) @name))) @definition.module
