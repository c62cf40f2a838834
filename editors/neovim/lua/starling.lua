-- Keys for Starling's suggestions, each to be mapped with `expr`; README.md in this folder's parent shows how. And the
-- diffs that Starling's questions are about: they come from the server, and go when the question is answered.
-- What is suggested and asked is the server's business: this only sees to it that it lands where it is shown.

local M = {}

--- What was typed of a suggestion since it was asked for.
---
--- Neovim goes on showing a suggestion while it is typed, until the next answer comes, but would put all of it where the
--- cursor was then: `prices` and a suggested `ces` would become `pricesces`.
---@param item vim.lsp.inline_completion.Item
---@return string? # nil when something else was typed, and the suggestion is none any more
local function typed_since(item)
  if not item.range then
    return ''
  end
  local start_row, start_col = item.range:to_extmark()
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  if row - 1 ~= start_row or col < start_col then
    return nil
  end
  local typed = vim.api.nvim_get_current_line():sub(start_col + 1, col)
  return vim.startswith(item.insert_text, typed) and typed or nil
end

--- The buffer as it was when the suggestion was asked for: what was typed of it since is taken out, to come back with it.
---@param item vim.lsp.inline_completion.Item
---@param typed string
local function take_back(item, typed)
  if typed ~= '' then
    local row, col = item.range:to_extmark()
    vim.api.nvim_buf_set_text(0, row, col, row, col + #typed, {})
  end
end

---@param item vim.lsp.inline_completion.Item
local function all_of(item)
  local typed = typed_since(item)
  if typed then
    take_back(item, typed)
    return item
  end
end

---@param item vim.lsp.inline_completion.Item
local function next_word_of(item)
  local typed = typed_since(item)
  if not typed then
    return nil
  end
  local rest = item.insert_text:sub(#typed + 1)
  local word = rest:match('^%s*[%w_\128-\255]+') or rest:match('^%s*[^%s%w_\128-\255]+') or rest
  take_back(item, typed)
  item = vim.tbl_extend('force', item, { insert_text = typed .. word, command = vim.deepcopy(item.command) })
  local accepted = vim.tbl_get(item, 'command', 'arguments', 1)
  if accepted and #word < #rest then
    accepted.length = vim.fn.strchars(item.insert_text)
  end
  return item
end

--- Accept what is shown. With a menu open or inside a snippet, and without a suggestion, `key` does what it always does.
---@param key string
---@return string
function M.accept(key)
  if vim.fn.pumvisible() == 1 then
    return key
  elseif vim.snippet.active({ direction = 1 }) then
    return '<Cmd>lua vim.snippet.jump(1)<CR>'
  end
  return vim.lsp.inline_completion.get({ on_accept = all_of }) and '' or key
end

--- Accept the next word of what is shown; the rest stays. Without a suggestion nothing happens: an Alt key given back
--- would type its letter.
---@return string
function M.accept_word()
  vim.lsp.inline_completion.get({ on_accept = next_word_of })
  return ''
end

local DOCUMENTS = 'starling:/'

--- Fill a buffer with a document of the server's own (`workspace/textDocumentContent`).
---@param event vim.api.keyset.create_autocmd.callback_args
local function read_document(event)
  local buffer = event.buf
  vim.bo[buffer].buftype, vim.bo[buffer].bufhidden, vim.bo[buffer].swapfile = 'nofile', 'wipe', false
  for _, client in ipairs(vim.lsp.get_clients({ name = 'starling' })) do
    local uri = vim.api.nvim_buf_get_name(buffer)
    local response = client:request_sync('workspace/textDocumentContent', { uri = uri }, 2000, buffer)
    if response and response.result then
      local text = response.result.text:gsub('\n$', '')
      vim.api.nvim_buf_set_lines(buffer, 0, -1, false, vim.split(text, '\n'))
      break
    end
  end
  vim.bo[buffer].modifiable, vim.bo[buffer].filetype = false, 'diff'
end

--- Tell the server, before it starts, that its own documents can be shown.
---@param params lsp.InitializeParams
function M.before_init(params)
  params.capabilities.workspace.textDocumentContent = { dynamicRegistration = false }
  vim.api.nvim_create_autocmd('BufReadCmd', {
    group = vim.api.nvim_create_augroup('starling.documents', { clear = true }),
    pattern = DOCUMENTS .. '*',
    callback = read_document,
  })
end

--- Show a document of the server's own above the window that is worked in; everything else as Neovim shows it.
---@type lsp.Handler
function M.show(err, params, context)
  if params.takeFocus or not vim.startswith(params.uri, DOCUMENTS) then
    return vim.lsp.handlers['window/showDocument'](err, params, context)
  end
  local buffer = vim.fn.bufadd(params.uri)
  vim.fn.bufload(buffer)
  vim.api.nvim_open_win(buffer, false, { split = 'above', win = 0 })
  return { success = true }
end

--- Ask as Neovim does, with the diff on the screen for as long as that takes.
---@type lsp.Handler
function M.ask(err, params, context)
  vim.cmd.redraw()
  local answer = vim.lsp.handlers['window/showMessageRequest'](err, params, context)
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    if vim.startswith(vim.api.nvim_buf_get_name(vim.api.nvim_win_get_buf(window)), DOCUMENTS) then
      pcall(vim.api.nvim_win_close, window, true) -- fails for the last window, which then stays
    end
  end
  return answer
end

return M
