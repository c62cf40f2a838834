-- The functions for a person's own configuration: keys and the statusline. `:help starling-lua` documents them.
-- Loads the other modules only when a function is called.

local M = {}

local SUGGESTIONS = { 'accept', 'accept_word', 'accept_line', 'next', 'previous', 'dismiss', 'enable', 'is_enabled' }
for _, name in ipairs({ 'next_edit', unpack(SUGGESTIONS) }) do
  M[name] = function(...)
    return require('starling.suggestions')[name](...)
  end
end

--- Return the state in a few words, for 'statusline'; '' if Starling does not serve the buffer.
---@param bufnr? integer
---@return string
function M.statusline(bufnr)
  return require('starling.status').describe(bufnr)
end

return M
