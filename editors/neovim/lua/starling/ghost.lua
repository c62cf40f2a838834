-- The plugin's own ghost text: for all suggestions on Neovim 0.11, which has no ghost text, and on later versions for
-- suggestions that a person asks for, since Neovim requests suggestions only while a person types. Shows one suggestion of
-- a list at a time. The server decides what is suggested.

local M = {}

local METHOD = 'textDocument/inlineCompletion'
local INVOKED, AUTOMATIC = 1, 2 -- LSP's InlineCompletionTriggerKind; Neovim 0.11 has no names for them
local WAIT_MS = 75 -- pause after a key before a request; the server waits as well

local space = vim.api.nvim_create_namespace('starling.ghost')

---@class starling.Item
---@field text string the whole suggestion, which begins at `row`, `col`
---@field row integer
---@field col integer byte column
---@field end_row integer
---@field end_col integer byte column at which the replaced text ended when the suggestion came
---@field command? lsp.Command

---@class starling.Ghost
---@field items starling.Item[]
---@field index integer
---@field client integer
---@field cursor integer byte column of the cursor when it was suggested
---@field invoked boolean whether a person asked for it
---@field on_clear? fun() called when the ghost text is removed

--- The ghost texts, the functions that cancel open requests, and the timers, by buffer.
---@type table<integer, starling.Ghost>
local ghosts = {}
---@type table<integer, fun()>
local pending = {}
---@type table<integer, uv.uv_timer_t>
local timers = {}

--- Return the part of a suggestion that a person has typed since it came; nil if the person typed something else.
---@param text string the suggestion
---@param start_row integer its beginning
---@param start_col integer
---@return string?
function M.get_typed_part(text, start_row, start_col)
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  if row - 1 ~= start_row or col < start_col then
    return nil
  end
  local typed = vim.api.nvim_get_current_line():sub(start_col + 1, col)
  return vim.startswith(text, typed) and typed or nil
end

--- Return the ghost text of a buffer, its current suggestion and the part of it that has been typed.
--- Without ghost text, or if it does not fit the typed text any more, clear it and return nil.
---@param buffer integer
---@return starling.Ghost?, starling.Item, string
local function get_current(buffer)
  local ghost = ghosts[buffer]
  local item = ghost and ghost.items[ghost.index]
  local typed = item and M.get_typed_part(item.text, item.row, item.col)
  if not item or not typed or #typed == #item.text then
    M.clear(buffer)
    return nil
  end
  return ghost, item, typed
end

--- Remove the ghost text of a buffer, if there is any.
---@param buffer integer
function M.clear(buffer)
  vim.api.nvim_buf_clear_namespace(buffer, space, 0, -1)
  local ghost = ghosts[buffer]
  ghosts[buffer] = nil
  if ghost and ghost.on_clear then
    ghost.on_clear()
  end
end

--- Draw the part of the suggestion that has not been typed yet; clear it if a person typed something else.
---@param buffer integer
local function draw(buffer)
  vim.api.nvim_buf_clear_namespace(buffer, space, 0, -1)
  local ghost, item, typed = get_current(buffer)
  if not ghost then
    return
  end
  local lines = vim.split(item.text:sub(#typed + 1), '\n')
  local group = vim.fn.hlexists('ComplHint') == 1 and 'ComplHint' or 'NonText'
  local virtual = {}
  for index = 2, #lines do
    virtual[index - 1] = { { lines[index], group } }
  end
  local first = { { lines[1], group } }
  if #ghost.items > 1 then
    table.insert(virtual[#virtual] or first, { (' (%d/%d)'):format(ghost.index, #ghost.items), group })
  end
  vim.api.nvim_buf_set_extmark(buffer, space, item.row, item.col + #typed, {
    virt_text = first,
    virt_lines = virtual,
    virt_text_pos = 'inline',
    hl_mode = 'combine',
  })
end

--- Convert suggestions of the server: ranges to rows and byte columns; without a range, the cursor.
---@param buffer integer
---@param items lsp.InlineCompletionItem[]
---@param client vim.lsp.Client
---@return starling.Item[]
local function convert_items(buffer, items, client)
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  local function to_byte(position)
    local line = vim.api.nvim_buf_get_lines(buffer, position.line, position.line + 1, false)[1] or ''
    return vim.str_byteindex(line, client.offset_encoding, position.character, false)
  end
  return vim.tbl_map(function(item)
    local text = type(item.insertText) == 'string' and item.insertText or item.insertText.value
    local first, last = item.range and item.range.start, item.range and item.range['end']
    return {
      text = text,
      row = first and first.line or row - 1,
      col = first and to_byte(first) or col,
      end_row = last and last.line or row - 1,
      end_col = last and to_byte(last) or col,
      command = item.command,
    }
  end, items)
end

--- Request suggestions at the cursor and show the first one; cancels an earlier request of the buffer.
---@param client vim.lsp.Client
---@param buffer integer
---@param invoked boolean whether a person asked; the server then also returns alternatives and less likely suggestions
---@param on_answer? fun(count: integer): (fun())? called before the first suggestion is shown; may return a function that
--- is called when the ghost text is removed
function M.request(client, buffer, invoked, on_answer)
  if pending[buffer] then
    pending[buffer]()
  end
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  local cursor, tick = vim.api.nvim_win_get_cursor(0), vim.api.nvim_buf_get_changedtick(buffer)
  params.context = { triggerKind = invoked and INVOKED or AUTOMATIC }
  local sent, id = client:request(METHOD, params, function(err, result)
    pending[buffer] = nil
    local here = vim.api.nvim_get_current_buf() == buffer and vim.api.nvim_buf_get_changedtick(buffer) == tick
    local same = here and vim.deep_equal(vim.api.nvim_win_get_cursor(0), cursor)
    if err or not same or not vim.startswith(vim.api.nvim_get_mode().mode, 'i') then
      return
    end
    local items = result and (result.items or result) or {}
    M.clear(buffer)
    local on_clear = on_answer and on_answer(#items)
    if #items > 0 then
      local converted = convert_items(buffer, items, client)
      ghosts[buffer] =
        { items = converted, index = 1, client = client.id, cursor = cursor[2], invoked = invoked, on_clear = on_clear }
      draw(buffer)
    end
  end, buffer)
  if sent then
    pending[buffer] = function()
      client:cancel_request(id)
    end
  end
end

--- Update the ghost text after a change or a movement of the cursor: typing the suggestion shortens it, anything else
--- removes it.
---@param client vim.lsp.Client
---@param buffer integer
---@param automatic boolean whether to request the next suggestions after a pause
function M.update(client, buffer, automatic)
  if ghosts[buffer] then
    draw(buffer)
  end
  local timer = timers[buffer]
  if timer and not timer:is_closing() then
    timer:stop()
    timer:close()
  end
  timers[buffer] = nil
  if automatic and not (ghosts[buffer] and ghosts[buffer].invoked) then
    timers[buffer] = vim.defer_fn(function()
      local here = vim.api.nvim_get_current_buf() == buffer and vim.startswith(vim.api.nvim_get_mode().mode, 'i')
      if here and not client:is_stopped() then
        M.request(client, buffer, false)
      end
    end, WAIT_MS)
  end
end

---@param buffer integer
---@return boolean
function M.is_shown(buffer)
  return ghosts[buffer] ~= nil
end

--- Return the number of suggestions in the list, 0 if none is shown.
---@param buffer integer
---@return integer
function M.count_items(buffer)
  return ghosts[buffer] and #ghosts[buffer].items or 0
end

--- Show the suggestion that is `step` further in the list, which is circular.
---@param buffer integer
---@param step integer
function M.select(buffer, step)
  local ghost = ghosts[buffer]
  if ghost then
    ghost.index = (ghost.index - 1 + step) % #ghost.items + 1
    draw(buffer)
  end
end

--- Insert a part of the suggestion into the text; the rest stays on the screen. The server is told what was accepted.
---@param buffer integer
---@param cut fun(rest: string): string returns the part to insert
function M.accept(buffer, cut)
  local ghost, item, typed = get_current(buffer)
  if not ghost then
    return
  end
  local rest = item.text:sub(#typed + 1)
  local taken = cut(rest)
  local whole = #taken == #rest
  local row, col = item.row, item.col + #typed
  local last_row, last_col = item.end_row, item.end_col + (item.end_row == item.row and #typed or 0)
  if not whole then
    last_row, last_col = row, col -- the text to be replaced is removed with the last part
  end
  local lines = vim.split(taken, '\n')
  local command = vim.deepcopy(item.command)
  if whole then
    M.clear(buffer)
  else
    local accepted = typed .. taken
    if vim.tbl_get(command or {}, 'arguments', 1) then
      command.arguments[1].length = vim.fn.strchars(accepted)
    end
    if #lines > 1 then -- the beginning of the rest moves down with the cursor
      local above = #accepted - #lines[#lines]
      item.text, item.row, item.col = item.text:sub(above + 1), row + #lines - 1, 0
      item.end_col = item.end_row == row and item.end_col + #typed - col or item.end_col
      item.end_row = item.end_row + #lines - 1
    end
  end
  vim.api.nvim_buf_set_text(buffer, row, col, last_row, last_col, lines)
  vim.api.nvim_win_set_cursor(0, { row + #lines, (#lines == 1 and col or 0) + #lines[#lines] })
  local client = vim.lsp.get_client_by_id(ghost.client)
  if command and client then
    client:exec_cmd(command, { bufnr = buffer })
  end
  if not whole then
    draw(buffer)
  end
end

return M
