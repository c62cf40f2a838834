-- Next edits: asks the server for one after a pause in typing, shows its difference, goes to it and applies it when a
-- person presses the key. Changes nothing without the key.

local difference = require('starling.difference')
local server = require('starling.server')

local M = {}

local METHOD = 'starling/nextEdit'
local PAUSE_MS = 150 -- without a key, before the server is asked
local ESCAPE = '\27'

---@class starling.NextEdit
---@field id string
---@field textDocument { uri: string, version: integer }
---@field range lsp.Range
---@field newText string
---@field reason string why the edit is proposed, one sentence

---@class starling.ShownEdit
---@field edit starling.NextEdit
---@field client integer
---@field buffer integer
---@field origin integer the buffer in which the person has typed
---@field difference starling.Difference

--- The edit on the screen; at most one.
---@type starling.ShownEdit?
local shown
---@type uv.uv_timer_t?
local timer
--- Cancels the open request.
---@type fun()?
local cancel
--- Where the cursor was put by the key; while it is there, the key goes on, even within the indentation of a line.
---@type { buffer: integer, row: integer, col: integer }?
local arrival
--- The number of the newest change of each buffer; a smaller number shows an undo.
---@type table<integer, integer>
local changes = {}
local reported = '' -- id of the last edit that the server was told to be visible

---@param buffer integer
---@return boolean # whether next edits are on; the server knows the settings of languages
local function is_on(buffer)
  local wanted = vim.tbl_get(vim.g.starling or {}, 'next_edits')
  return wanted ~= false and vim.bo[buffer].modifiable and require('starling.suggestions').is_enabled()
end

---@param client vim.lsp.Client
---@return boolean # false for an older server
local function has_next_edits(client)
  return vim.tbl_get(client.server_capabilities or {}, 'experimental', 'starling', 'nextEdit') == true
end

---@param method string
---@param params table
local function notify(method, params)
  local client = shown and vim.lsp.get_client_by_id(shown.client)
  if client then
    client:notify(method, params)
  end
end

--- Return whether the cursor is in a line that the edit changes and a person can see it, so that the key applies it.
---@return boolean
local function is_at_edit()
  local change = shown.difference
  local last = change.to.col == 0 and change.to.row > change.from.row and change.to.row - 1 or change.to.row
  local row = vim.api.nvim_win_get_cursor(0)[1] - 1
  return vim.api.nvim_get_current_buf() == shown.buffer and change.from.row <= row and row <= last
end

--- Return whether the edit was made for the text as it is now.
---@return boolean
local function is_current()
  local version = vim.lsp.util.buf_versions[shown.buffer]
  return vim.api.nvim_buf_is_loaded(shown.buffer) and version == shown.edit.textDocument.version
end

--- Return whether the key belongs to the edit: in Insert mode not where Tab indents a line.
---@return boolean
local function takes_key()
  if not shown or not is_current() then
    return false
  end
  local mode = vim.api.nvim_get_mode().mode
  local buffer, cursor = vim.api.nvim_get_current_buf(), vim.api.nvim_win_get_cursor(0)
  if buffer ~= shown.buffer and buffer ~= shown.origin then
    return false
  end
  local has_arrived = arrival and arrival.buffer == buffer and arrival.row == cursor[1] and arrival.col == cursor[2]
  if vim.startswith(mode, 'i') then
    return has_arrived or vim.api.nvim_get_current_line():sub(1, cursor[2]):match('%S') ~= nil
  end
  return mode == 'n'
end

--- Return the hint about the key, and the line at whose end it belongs.
---@return string, integer
local function describe_key()
  local keys = require('starling.suggestions').get_keys()
  local inserts = vim.startswith(vim.api.nvim_get_mode().mode, 'i')
  local key = inserts and keys.accept or keys.next_edit
  local dismiss = inserts and keys.dismiss or '<Esc>'
  local row = shown.difference.from.row
  local cursor_row = vim.api.nvim_win_get_cursor(0)[1] - 1
  if not key then
    return '', cursor_row
  elseif is_at_edit() then
    return ('%s: accept'):format(key) .. (dismiss and (' · %s: dismiss'):format(dismiss) or ''), row
  elseif vim.api.nvim_get_current_buf() ~= shown.buffer then
    local name = vim.fs.basename(vim.api.nvim_buf_get_name(shown.buffer))
    return ('%s: go to %s, line %d'):format(key, name, row + 1), cursor_row
  elseif vim.fn.line('w0') <= row + 1 and row + 1 <= vim.fn.line('w$') then
    return ('%s: go there'):format(key), row
  end
  return ('%s: go to line %d'):format(key, row + 1), cursor_row
end

--- Whether Neovim or this plugin shows a suggestion or a menu, to which the key belongs.
---@param buffer integer
---@return boolean
local function has_suggestion(buffer)
  local native = vim.api.nvim_get_namespaces()['nvim.lsp.inline_completion']
  local is_native = native and #vim.api.nvim_buf_get_extmarks(buffer, native, 0, -1, { limit = 1 }) > 0
  return is_native or require('starling.ghost').is_shown(buffer) or vim.fn.pumvisible() == 1
end

--- Draw the edit, if there is one; drop it if its text has changed.
function M.update()
  difference.clear()
  if not shown then
    return
  elseif not is_current() or not is_on(shown.buffer) then
    M.clear()
    return
  end
  difference.draw(shown.buffer, shown.difference)
  local buffer = vim.api.nvim_get_current_buf()
  if takes_key() and not has_suggestion(buffer) then
    local text, row = describe_key()
    difference.draw_hint(buffer, row, text)
  end
  if reported ~= shown.edit.id then
    reported = shown.edit.id
    notify('starling/didShowNextEdit', { id = reported })
  end
end

--- Remove the edit from the screen, and cancel what would bring another one.
function M.clear()
  if timer then
    timer:stop()
  end
  if cancel then
    cancel()
  end
  cancel, shown = nil, nil
  vim.on_key(nil, difference.space)
  difference.clear()
end

--- Remove the edit from the screen and tell the server that the person does not want it.
---@return boolean # whether there was an edit
function M.dismiss()
  if not shown then
    return false
  end
  notify('starling/didEndNextEdit', { id = shown.edit.id, accepted = false })
  M.clear()
  return true
end

--- Show an edit of a loaded buffer, if it was made for the buffer's present version and changes anything.
---@param client vim.lsp.Client
---@param edit starling.NextEdit
local function show(client, edit)
  local buffer = vim.fn.bufnr(vim.uri_to_fname(edit.textDocument.uri))
  if buffer < 0 or vim.lsp.util.buf_versions[buffer] ~= edit.textDocument.version then
    return
  end
  local change = difference.find(buffer, edit.range, edit.newText, client.offset_encoding)
  if change.removed ~= change.added then
    local origin = vim.api.nvim_get_current_buf()
    shown = { edit = edit, client = client.id, buffer = buffer, origin = origin, difference = change }
    vim.on_key(function(_, typed)
      if typed == ESCAPE and vim.api.nvim_get_mode().mode == 'n' then
        vim.schedule(M.dismiss)
      end
    end, difference.space)
    M.update()
  end
end

--- Ask the server for the next edit and show it; an answer for an older text, or after another key, is dropped.
---@param client vim.lsp.Client
---@param buffer integer
local function ask(client, buffer)
  M.clear()
  local mode = vim.api.nvim_get_mode().mode
  local fits = vim.api.nvim_get_current_buf() == buffer and (mode == 'n' or vim.startswith(mode, 'i'))
  if not fits or client:is_stopped() or not is_on(buffer) then
    return
  end
  local version = vim.lsp.util.buf_versions[buffer]
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.textDocument.version = version
  local is_superseded = false
  local sent, id = client:request(METHOD, params, function(err, result)
    if is_superseded then
      return
    end
    cancel = nil
    if not err and result and vim.lsp.util.buf_versions[buffer] == version and vim.api.nvim_get_current_buf() == buffer then
      show(client, result.edit)
    end
  end, buffer)
  if sent then
    cancel = function()
      is_superseded = true
      client:cancel_request(id)
    end
  end
end

--- Drop the edit after a change, and ask for the next one after a pause; not after an undo, which would be proposed to be
--- redone.
---@param client vim.lsp.Client
---@param buffer integer
local function handle_change(client, buffer)
  M.clear()
  local number = vim.fn.changenr()
  local is_undone = number < (changes[buffer] or 0)
  changes[buffer] = math.max(number, changes[buffer] or 0)
  if not is_undone and is_on(buffer) then
    timer = timer or assert(vim.uv.new_timer())
    timer:start(PAUSE_MS, 0, vim.schedule_wrap(function()
      ask(client, buffer)
    end))
  end
end

--- Put the cursor at a place; the key goes on there.
---@param row integer
---@param col integer byte column
local function set_cursor(row, col)
  row = math.min(row, vim.api.nvim_buf_line_count(0) - 1)
  vim.api.nvim_win_set_cursor(0, { row + 1, col })
  vim.cmd('silent! foldopen!')
  local cursor = vim.api.nvim_win_get_cursor(0) -- Normal mode has no cursor after the line
  arrival = { buffer = vim.api.nvim_get_current_buf(), row = cursor[1], col = cursor[2] }
end

local function go_to_edit()
  local from = shown.difference.from
  vim.cmd("normal! m'") -- CTRL-O goes back
  if vim.api.nvim_get_current_buf() ~= shown.buffer then
    local window = vim.tbl_filter(function(one)
      return vim.api.nvim_win_get_tabpage(one) == vim.api.nvim_get_current_tabpage()
    end, vim.fn.win_findbuf(shown.buffer))[1]
    if window then
      vim.api.nvim_set_current_win(window)
    else
      vim.cmd.buffer(shown.buffer)
    end
  end
  set_cursor(from.row, from.col)
  M.update()
end

--- Apply the edit; the change then asks for the one after it.
local function apply()
  local client, buffer, edit = vim.lsp.get_client_by_id(shown.client), shown.buffer, shown.edit
  local change = shown.difference
  if not client then
    return M.clear()
  end
  notify('starling/didEndNextEdit', { id = edit.id, accepted = true })
  M.clear()
  vim.lsp.util.apply_text_edits({ { range = edit.range, newText = edit.newText } }, buffer, client.offset_encoding)
  local lines = vim.split(change.added, '\n')
  set_cursor(change.from.row + #lines - 1, (#lines == 1 and change.from.col or 0) + #lines[#lines])
end

--- Go to the edit, or apply it if the cursor is there.
function M.advance()
  if shown and is_current() then
    if is_at_edit() then
      apply()
    else
      go_to_edit()
    end
  end
end

--- Return the keys that go to the edit or apply it, for an `expr` mapping; nil if the key does not belong to the edit.
---@return string?
function M.get_keys()
  if not takes_key() then
    return nil
  end
  local advance = "<Cmd>lua require('starling.next_edit').advance()<CR>"
  -- in Insert mode the edit is an undo step of its own
  return vim.startswith(vim.api.nvim_get_mode().mode, 'i') and '<C-g>u' .. advance .. '<C-g>u' or advance
end

--- Set up a buffer that Starling serves.
---@param client vim.lsp.Client
---@param buffer integer
function M.attach(client, buffer)
  if not has_next_edits(client) then
    return
  end
  local group = vim.api.nvim_create_augroup('starling.next_edit.' .. buffer, {})
  vim.api.nvim_create_autocmd({ 'TextChanged', 'TextChangedI', 'TextChangedP' }, {
    group = group,
    buffer = buffer,
    callback = function()
      handle_change(client, buffer)
    end,
  })
  vim.api.nvim_create_autocmd({ 'CursorMoved', 'CursorMovedI', 'InsertEnter', 'InsertLeave', 'BufEnter' }, {
    group = group,
    buffer = buffer,
    callback = vim.schedule_wrap(M.update), -- the mode has changed by then
  })
  vim.api.nvim_create_autocmd('BufUnload', {
    group = group,
    buffer = buffer,
    callback = function()
      changes[buffer] = nil
      if shown and shown.buffer == buffer then
        M.clear()
      end
    end,
  })
  vim.api.nvim_create_autocmd('WinScrolled', {
    group = vim.api.nvim_create_augroup('starling.next_edit', {}),
    callback = M.update,
  })
  changes[buffer] = vim.api.nvim_buf_call(buffer, vim.fn.changenr)
  vim.api.nvim_create_autocmd('LspDetach', {
    group = group,
    buffer = buffer,
    callback = function(event)
      if event.data.client_id == client.id then
        M.clear()
      end
    end,
  })
end

return M
