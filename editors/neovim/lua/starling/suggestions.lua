-- Suggestions while typing, and their keys. Neovim 0.12 shows suggestions itself; lua/starling/ghost.lua shows them on 0.11,
-- and alternatives on both. Without a suggestion the first key serves the next edit (lua/starling/next_edit.lua), or keeps
-- its usual meaning; a menu and a snippet have priority.

local ghost = require('starling.ghost')
local next_edit = require('starling.next_edit')
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
  next_edit = '<Tab>',
}
local MODES = { next_edit = 'n' } -- all others are keys of Insert mode
local enabled = true

-- Parts of a suggestion that can be accepted

---@param rest string
---@return string
local function cut_word(rest)
  return rest:match('^%s*[%w_\128-\255]+') or rest:match('^%s*[^%s%w_\128-\255]+') or rest
end

---@param rest string
---@return string
local function cut_line(rest)
  return rest:match('^\n*[^\n]+') or rest
end

---@param rest string
---@return string
local function cut_all(rest)
  return rest
end

-- Neovim's own ghost text

--- Return the part of Neovim's suggestion that a person has typed since it came; nil if the person typed something else.
---
--- Neovim keeps showing a suggestion while a person types it, but inserts all of it at the cursor when it is accepted:
--- `prices` and the suggestion `ces` would become `pricesces`.
---@param item vim.lsp.inline_completion.Item
---@return string?
local function get_typed_part(item)
  if not item.range then
    return ''
  end
  local row, col = item.range:to_extmark()
  return ghost.get_typed_part(item.insert_text, row, col)
end

--- Return a function that shortens Neovim's suggestion to the part that `cut` returns, before Neovim inserts it.
--- The part that a person has typed is deleted from the buffer, since Neovim inserts it again.
---@param cut fun(rest: string): string
---@return fun(item: vim.lsp.inline_completion.Item): vim.lsp.inline_completion.Item?
local function create_shortener(cut)
  return function(item)
    local typed = get_typed_part(item)
    if not typed then
      return nil
    end
    local rest = item.insert_text:sub(#typed + 1)
    local taken = cut(rest)
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

--- Accept a part of the suggestion on the screen, shown by this plugin or by Neovim.
---@param cut fun(rest: string): string returns the part to accept
---@return boolean # whether there was a suggestion
local function accept_part(cut)
  local buffer = vim.api.nvim_get_current_buf()
  if ghost.is_shown(buffer) then
    vim.schedule(function() -- an `expr` mapping may not change the text
      ghost.accept(buffer, cut)
    end)
    return true
  end
  return native ~= nil and native.get({ on_accept = create_shortener(cut) })
end

-- The functions for keys, to be mapped with `expr`

--- Accept the whole suggestion, or else go to the next edit or accept it. With a menu open, inside a snippet and without
--- both, `key` keeps its usual meaning.
---@param key? string
---@return string
function M.accept(key)
  key = key or KEYS.accept
  if vim.fn.pumvisible() == 1 then
    return key
  elseif vim.snippet.active({ direction = 1 }) then
    return '<Cmd>lua vim.snippet.jump(1)<CR>'
  end
  return accept_part(cut_all) and '' or next_edit.get_keys() or key
end

--- Go to the next edit, or accept it if the cursor is there; without one, `key` keeps its usual meaning.
---@param key? string
---@return string
function M.next_edit(key)
  return next_edit.get_keys() or key or KEYS.next_edit
end

--- Accept the next word of the suggestion; the rest stays. Does nothing without a suggestion, since an Alt key that is
--- returned would type its letter.
---@return string
function M.accept_word()
  accept_part(cut_word)
  return ''
end

--- Accept the suggestion up to the end of the line; the rest stays.
---@return string
function M.accept_line()
  accept_part(cut_line)
  return ''
end

--- Show another suggestion. The first call requests all suggestions, including less likely ones.
---@param step integer
---@return string
local function show_other(step)
  local buffer, client = vim.api.nvim_get_current_buf(), server.get_client()
  if ghost.count_items(buffer) > 1 then
    ghost.select(buffer, step)
  elseif client then
    ghost.request(client, buffer, true, function(count)
      if count == 0 then
        server.notify('there are no other suggestions here.')
        return nil
      end
      if native then -- otherwise both ghost texts would be shown
        local was_enabled = native.is_enabled({ bufnr = buffer })
        native.enable(false, { bufnr = buffer })
        return function()
          if vim.api.nvim_buf_is_valid(buffer) then
            native.enable(was_enabled, { bufnr = buffer })
          end
        end
      end
    end)
  end
  return ''
end

---@return string
function M.next()
  return show_other(1)
end

---@return string
function M.previous()
  return show_other(-1)
end

--- Remove the suggestion and the next edit from the screen.
---@return string
function M.dismiss()
  local buffer = vim.api.nvim_get_current_buf()
  next_edit.dismiss()
  ghost.clear(buffer)
  if native and native.is_enabled({ bufnr = buffer }) then
    native.enable(false, { bufnr = buffer })
    native.enable(true, { bufnr = buffer })
  end
  return ''
end

-- On and off

--- Turn suggestions on or off in all buffers.
---@param on? boolean on unless false
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
  next_edit.update()
end

---@return boolean
function M.is_enabled()
  return enabled
end

-- Setup

--- Return the keys by action, as a person has changed them in `vim.g.starling`; false for an action without a key.
---@return table<string, string|false>
function M.get_keys()
  local wanted = vim.tbl_get(vim.g.starling or {}, 'keys')
  if wanted == false then
    return {}
  end
  local off = vim.tbl_get(vim.g.starling or {}, 'next_edits') == false and { next_edit = false } or {}
  return vim.tbl_extend('force', KEYS, wanted or {}, off)
end

--- Return the mode in which the key of an action is mapped.
---@param name string
---@return string
function M.get_mode(name)
  return MODES[name] or 'i'
end

--- Whether a key is mapped already. Neovim's own mapping of Tab does not count: `accept` also jumps in a snippet.
---@param key string
---@param mode string
---@return boolean
function M.is_mapped(key, mode)
  local map = vim.fn.maparg(key, mode, false, true)
  return next(map) ~= nil and not vim.startswith(map.desc or '', 'vim.snippet.jump')
end

--- Map the keys that are not mapped already.
---@param buffer integer
local function map_keys(buffer)
  for name, key in pairs(M.get_keys()) do
    local mode = M.get_mode(name)
    if key and not M.is_mapped(key, mode) then
      vim.keymap.set(mode, key, function()
        return M[name](key)
      end, { buffer = buffer, expr = true, desc = 'Starling: ' .. name:gsub('_', ' ') })
    end
  end
end

--- Set up a buffer that Starling serves.
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
  next_edit.attach(client, buffer)
  local group = vim.api.nvim_create_augroup('starling.suggestions.' .. buffer, {})
  vim.api.nvim_create_autocmd({ 'InsertEnter', 'CursorMovedI', 'TextChangedI', 'TextChangedP' }, {
    group = group,
    buffer = buffer,
    callback = function()
      ghost.update(client, buffer, enabled and not native)
    end,
  })
  vim.api.nvim_create_autocmd({ 'InsertLeave', 'BufLeave' }, {
    group = group,
    buffer = buffer,
    callback = function()
      ghost.clear(buffer)
    end,
  })
  require('starling.status').watch(client)
end

return M
