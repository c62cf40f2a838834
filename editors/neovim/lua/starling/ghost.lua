-- Ghost text of our own: on Neovim 0.11, which has none, for every suggestion; later for those that a person asked for,
-- since Neovim 0.12 asks by itself only as typing goes on. One suggestion of a list is shown and can be changed.
-- Decides nothing about what is suggested.

local M = {}

local METHOD = 'textDocument/inlineCompletion'
local INVOKED, AUTOMATIC = 1, 2 -- LSP's InlineCompletionTriggerKind; Neovim 0.11 has no names for them
local WAIT_MS = 75 -- after a key; the server has its own pace besides

local space = vim.api.nvim_create_namespace('starling.ghost')

---@class starling.Item
---@field text string all that would stand behind `row`, `col`
---@field row integer
---@field col integer
---@field end_row integer
---@field end_col integer what is replaced reached to here when it was suggested, bytes
---@field command? lsp.Command

---@class starling.Ghost
---@field items starling.Item[]
---@field index integer
---@field client integer
---@field cursor integer byte column of the cursor when it was suggested
---@field chosen boolean whether a person asked for it
---@field cleared? fun()

---@type table<integer, starling.Ghost>
local ghosts = {}
---@type table<integer, fun()>
local pending = {}
---@type table<integer, uv.uv_timer_t>
local timers = {}

--- What was typed of a suggestion since, nil when something else was.
---@param item starling.Item
---@return string?
local function typed(item)
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  if row - 1 ~= item.row or col < item.col then
    return nil
  end
  local text = vim.api.nvim_get_current_line():sub(item.col + 1, col)
  return vim.startswith(item.text, text) and #text < #item.text and text or nil
end

---@param buffer integer
function M.clear(buffer)
  vim.api.nvim_buf_clear_namespace(buffer, space, 0, -1)
  local ghost = ghosts[buffer]
  ghosts[buffer] = nil
  if ghost and ghost.cleared then
    ghost.cleared()
  end
end

--- Draw what is left of the suggestion; it goes when something else was typed.
---@param buffer integer
local function draw(buffer)
  vim.api.nvim_buf_clear_namespace(buffer, space, 0, -1)
  local ghost = ghosts[buffer]
  local item = ghost and ghost.items[ghost.index]
  local done = item and typed(item)
  if not item or not done then
    return M.clear(buffer)
  end
  local lines = vim.split(item.text:sub(#done + 1), '\n')
  local group = vim.fn.hlexists('ComplHint') == 1 and 'ComplHint' or 'NonText'
  local virtual = {}
  for index = 2, #lines do
    virtual[index - 1] = { { lines[index], group } }
  end
  local first = { { lines[1], group } }
  if #ghost.items > 1 then
    table.insert(virtual[#virtual] or first, { (' (%d/%d)'):format(ghost.index, #ghost.items), group })
  end
  vim.api.nvim_buf_set_extmark(buffer, space, item.row, item.col + #done, {
    virt_text = first,
    virt_lines = virtual,
    virt_text_pos = 'inline',
    hl_mode = 'combine',
  })
end

---@param buffer integer
---@param items lsp.InlineCompletionItem[]
---@param client vim.lsp.Client
---@return starling.Item[]
local function placed(buffer, items, client)
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  local function byte(position)
    local line = vim.api.nvim_buf_get_lines(buffer, position.line, position.line + 1, false)[1] or ''
    return vim.str_byteindex(line, client.offset_encoding, position.character, false)
  end
  return vim.tbl_map(function(item)
    local text = type(item.insertText) == 'string' and item.insertText or item.insertText.value
    local first, last = item.range and item.range.start, item.range and item.range['end']
    return {
      text = text,
      row = first and first.line or row - 1,
      col = first and byte(first) or col,
      end_row = last and last.line or row - 1,
      end_col = last and byte(last) or col,
      command = item.command,
    }
  end, items)
end

--- Ask for suggestions at the cursor and show the first.
---@param client vim.lsp.Client
---@param buffer integer
---@param chosen boolean whether a person asked: then alternatives come, and what Starling is unsure about
---@param answered? fun(count: integer): (fun())? called before anything is shown; what it returns, when that goes
function M.request(client, buffer, chosen, answered)
  if pending[buffer] then
    pending[buffer]()
  end
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  local cursor, tick = vim.api.nvim_win_get_cursor(0), vim.api.nvim_buf_get_changedtick(buffer)
  params.context = { triggerKind = chosen and INVOKED or AUTOMATIC }
  local sent, id = client:request(METHOD, params, function(err, result)
    pending[buffer] = nil
    local here = vim.api.nvim_get_current_buf() == buffer and vim.api.nvim_buf_get_changedtick(buffer) == tick
    local same = here and vim.deep_equal(vim.api.nvim_win_get_cursor(0), cursor)
    if err or not same or not vim.startswith(vim.api.nvim_get_mode().mode, 'i') then
      return
    end
    local items = result and (result.items or result) or {}
    M.clear(buffer)
    local cleared = answered and answered(#items)
    if #items > 0 then
      local placed_items = placed(buffer, items, client)
      ghosts[buffer] =
        { items = placed_items, index = 1, client = client.id, cursor = cursor[2], chosen = chosen, cleared = cleared }
      draw(buffer)
    end
  end, buffer)
  if sent then
    pending[buffer] = function()
      client:cancel_request(id)
    end
  end
end

--- The text changed or the cursor moved: what is typed of a suggestion shrinks it, all else takes it away.
---@param client vim.lsp.Client
---@param buffer integer
---@param automatic boolean whether to ask for the next one
function M.moved(client, buffer, automatic)
  if ghosts[buffer] then
    draw(buffer)
  end
  local timer = timers[buffer]
  if timer and not timer:is_closing() then
    timer:stop()
    timer:close()
  end
  timers[buffer] = nil
  if automatic and not (ghosts[buffer] and ghosts[buffer].chosen) then
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

--- How many there are to choose from.
---@param buffer integer
---@return integer
function M.count(buffer)
  return ghosts[buffer] and #ghosts[buffer].items or 0
end

--- Show another one of the list.
---@param buffer integer
---@param step integer
function M.select(buffer, step)
  local ghost = ghosts[buffer]
  if ghost then
    ghost.index = (ghost.index - 1 + step) % #ghost.items + 1
    draw(buffer)
  end
end

--- Put a part of what is shown into the text; the rest stays.
---@param buffer integer
---@param part fun(rest: string): string
function M.accept(buffer, part)
  local ghost = ghosts[buffer]
  local item = ghost and ghost.items[ghost.index]
  local done = item and typed(item)
  if not item or not done then
    return M.clear(buffer)
  end
  local rest = item.text:sub(#done + 1)
  local taken = part(rest)
  local whole = #taken == #rest
  local row, col = item.row, item.col + #done
  local last_row, last_col = item.end_row, item.end_col + (item.end_row == item.row and #done or 0)
  if not whole then
    last_row, last_col = row, col -- what would be replaced goes with the last part
  end
  local lines = vim.split(taken, '\n')
  local command = vim.deepcopy(item.command)
  if whole then
    M.clear(buffer)
  else
    local sofar = done .. taken
    if vim.tbl_get(command or {}, 'arguments', 1) then
      command.arguments[1].length = vim.fn.strchars(sofar)
    end
    if #lines > 1 then -- the anchor moves down with the cursor
      local above = #sofar - #lines[#lines]
      item.text, item.row, item.col = item.text:sub(above + 1), row + #lines - 1, 0
      item.end_col = item.end_row == row and item.end_col + #done - col or item.end_col
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
