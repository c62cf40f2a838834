-- What a person's own configuration calls: keys and the statusline. `:help starling-lua` documents each.
-- Holds nothing itself; what is suggested and asked is the server's business.

local M = {}

for _, name in ipairs({ 'accept', 'accept_word', 'accept_line', 'next', 'previous', 'dismiss', 'enable', 'is_enabled' }) do
  M[name] = function(...)
    return require('starling.suggestions')[name](...)
  end
end

--- The state in a few words, for 'statusline'; '' where Starling does not serve the buffer.
---@param bufnr? integer
---@return string
function M.statusline(bufnr)
  return require('starling.status').line(bufnr)
end

return M
