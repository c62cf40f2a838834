-- Suggestions while typing: Neovim's own ghost text where there is one (0.12), lua/starling/ghost.lua elsewhere and for
-- alternatives; and the keys. A key that has nothing to do does what it always did; a menu and a snippet come first.

local ghost = require('starling.ghost')
local server = require('starling.server')

local M = {}

local native = vim.lsp.inline_completion
---@type table<string, string>
local KEYS = {
  accept = '<Tab>',
  accept_word = '<M-w>',
  accept_line = '<M-l>',
  next = '<M-n>',
  previous = '<M-p>',
  dismiss = '<M-e>',
}
local enabled = true

-- Parts of a suggestion

---@param rest string
---@return string
local function word(rest)
  return rest:match('^%s*[%w_\128-\255]+') or rest:match('^%s*[^%s%w_\128-\255]+') or rest
end

---@param rest string
---@return string
local function line(rest)
  return rest:match('^\n*[^\n]+') or rest
end

---@param rest string
---@return string
local function all(rest)
  return rest
end

-- Neovim's own

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

--- The item with as much of its text as `part` takes; what was typed of it is taken out of the buffer, to come back.
---@param part fun(rest: string): string
---@return fun(item: vim.lsp.inline_completion.Item): vim.lsp.inline_completion.Item?
local function taking(part)
  return function(item)
    local typed = typed_since(item)
    if not typed then
      return nil
    end
    local rest = item.insert_text:sub(#typed + 1)
    local taken = part(rest)
    if typed ~= '' then
      local row, col = item.range:to_extmark()
      vim.api.nvim_buf_set_text(0, row, col, row, col + #typed, {})
    end
    item = vim.tbl_extend('force', item, { insert_text = typed .. taken, command = vim.deepcopy(item.command) })
    local accepted = vim.tbl_get(item, 'command', 'arguments', 1)
    if accepted and #taken < #rest then
      accepted.length = vim.fn.strchars(item.insert_text)
    end
    return item
  end
end

--- Take a part of what is shown, whoever shows it.
---@param part fun(rest: string): string
---@return boolean # whether there was anything
local function take(part)
  local buffer = vim.api.nvim_get_current_buf()
  if ghost.is_shown(buffer) then
    vim.schedule(function() -- an `expr` mapping may not change the text
      ghost.accept(buffer, part)
    end)
    return true
  end
  return native ~= nil and native.get({ on_accept = taking(part) })
end

-- The keys; each is to be mapped with `expr`

--- Accept what is shown. With a menu open or inside a snippet, and without a suggestion, `key` does what it always does.
---@param key? string
---@return string
function M.accept(key)
  key = key or KEYS.accept
  if vim.fn.pumvisible() == 1 then
    return key
  elseif vim.snippet.active({ direction = 1 }) then
    return '<Cmd>lua vim.snippet.jump(1)<CR>'
  end
  return take(all) and '' or key
end

--- Accept the next word of what is shown; the rest stays. Without a suggestion nothing happens: an Alt key given back
--- would type its letter.
---@return string
function M.accept_word()
  take(word)
  return ''
end

--- Accept what is shown up to the end of the line; the rest stays.
---@return string
function M.accept_line()
  take(line)
  return ''
end

--- Show another suggestion; the first time Starling is asked for all it has, also what it is unsure about.
---@param step integer
---@return string
local function select(step)
  local buffer, client = vim.api.nvim_get_current_buf(), server.client()
  if ghost.count(buffer) > 1 then
    ghost.select(buffer, step)
  elseif client then
    ghost.request(client, buffer, true, function(count)
      if count == 0 then
        server.say('nothing else to suggest here.')
        return nil
      end
      if native then -- two would be shown otherwise
        local was = native.is_enabled({ bufnr = buffer })
        native.enable(false, { bufnr = buffer })
        return function()
          if vim.api.nvim_buf_is_valid(buffer) then
            native.enable(was, { bufnr = buffer })
          end
        end
      end
    end)
  end
  return ''
end

---@return string
function M.next()
  return select(1)
end

---@return string
function M.previous()
  return select(-1)
end

--- Take what is shown away.
---@return string
function M.dismiss()
  local buffer = vim.api.nvim_get_current_buf()
  ghost.clear(buffer)
  if native and native.is_enabled({ bufnr = buffer }) then
    native.enable(false, { bufnr = buffer })
    native.enable(true, { bufnr = buffer })
  end
  return ''
end

-- On and off

--- Suggestions on or off, everywhere.
---@param on? boolean
function M.enable(on)
  enabled = on ~= false
  for _, client in ipairs(vim.lsp.get_clients({ name = server.name })) do
    for buffer in pairs(client.attached_buffers) do
      ghost.clear(buffer)
      if native then
        native.enable(enabled, { bufnr = buffer })
      end
    end
  end
end

---@return boolean
function M.is_enabled()
  return enabled
end

-- What a person has set

---@return table<string, string|false>
function M.keys()
  local wanted = vim.tbl_get(vim.g.starling or {}, 'keys')
  if wanted == false then
    return {}
  end
  return vim.tbl_extend('force', KEYS, wanted or {})
end

--- Whether a key is somebody else's; what Neovim itself maps it to (Tab jumps in a snippet) we do, too.
---@param key string
---@return boolean
function M.is_taken(key)
  local map = vim.fn.maparg(key, 'i', false, true)
  return next(map) ~= nil and not vim.startswith(map.desc or '', 'vim.snippet.jump')
end

---@param buffer integer
local function map_keys(buffer)
  for name, key in pairs(M.keys()) do
    if key and not M.is_taken(key) then
      vim.keymap.set('i', key, function()
        return M[name](key)
      end, { buffer = buffer, expr = true, desc = 'Starling: ' .. name:gsub('_', ' ') })
    end
  end
end

--- Starling serves a buffer.
---@param client vim.lsp.Client
---@param buffer integer
function M.attach(client, buffer)
  if vim.tbl_get(vim.g.starling or {}, 'suggestions') == false then
    enabled = false
  end
  if native and enabled then
    native.enable(true, { bufnr = buffer })
  end
  vim.api.nvim_buf_call(buffer, function()
    map_keys(buffer)
  end)
  local group = vim.api.nvim_create_augroup('starling.suggestions.' .. buffer, {})
  vim.api.nvim_create_autocmd({ 'InsertEnter', 'CursorMovedI', 'TextChangedI', 'TextChangedP' }, {
    group = group,
    buffer = buffer,
    callback = function()
      ghost.moved(client, buffer, enabled and not native)
    end,
  })
  vim.api.nvim_create_autocmd({ 'InsertLeave', 'BufLeave' }, {
    group = group,
    buffer = buffer,
    callback = function()
      ghost.clear(buffer)
    end,
  })
  require('starling.status').attach(client)
end

return M
