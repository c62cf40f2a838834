-- Shows answers and reports as Markdown in a scratch buffer below the current window; an answer can stream into it.
-- Knows no command: commands.json says which fields of a result are shown.

local M = {}

local server = require('starling.server')
local status = require('starling.status')

--- The receivers of streamed answers, by progress token.
---@type table<any, fun(text: string, part: table)>
local streams = {}
local last_token = 0

--- Open a window below with an empty Markdown buffer, which is deleted when the window is closed (`q`).
--- An earlier answer with the same name is deleted.
---@param name string
---@return integer buffer
function M.open(name)
  local uri = ('starling-answer://%s'):format(name)
  local old = vim.fn.bufnr('^' .. uri .. '$') -- without the marks, bufnr() also finds longer names
  if old ~= -1 then
    vim.api.nvim_buf_delete(old, { force = true })
  end
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(buffer, uri)
  vim.bo[buffer].bufhidden, vim.bo[buffer].swapfile = 'wipe', false
  server.show_markdown(buffer)
  vim.bo[buffer].modifiable = false
  vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = buffer, nowait = true, desc = 'Close the answer' })
  local window = vim.api.nvim_open_win(buffer, false, { split = 'below', win = 0, height = math.floor(vim.o.lines / 3) })
  vim.wo[window].wrap, vim.wo[window].linebreak, vim.wo[window].conceallevel = true, true, 2
  return buffer
end

--- Append a text; does nothing if the buffer has been closed.
---@param buffer integer
---@param text string
function M.append(buffer, text)
  if not vim.api.nvim_buf_is_valid(buffer) then
    return
  end
  vim.bo[buffer].modifiable = true
  local last = vim.api.nvim_buf_line_count(buffer) - 1
  local column = #vim.api.nvim_buf_get_lines(buffer, last, last + 1, false)[1]
  vim.api.nvim_buf_set_text(buffer, last, column, last, column, vim.split(text, '\n'))
  vim.bo[buffer].modifiable = false
end

--- Replace the whole text; does nothing if the buffer has been closed.
---@param buffer integer
---@param text string
function M.replace(buffer, text)
  if vim.api.nvim_buf_is_valid(buffer) then
    vim.bo[buffer].modifiable = true
    vim.api.nvim_buf_set_lines(buffer, 0, -1, false, vim.split(text, '\n'))
    vim.bo[buffer].modifiable = false
  end
end

--- Return a new progress token; pieces of an answer that arrive with it are passed to `on_piece`: the text, '' for a piece
--- without one, and the whole object that the server sent.
---@param on_piece fun(text: string, part: table)
---@return string token
function M.start_stream(on_piece)
  last_token = last_token + 1
  local token = ('starling-answer-%d'):format(last_token)
  streams[token] = on_piece
  return token
end

--- Forget a token of `start_stream`.
---@param token string
function M.end_stream(token)
  streams[token] = nil
end

--- Handle `$/progress`: pass pieces of streamed answers on; other progress goes to the statusline and to Neovim.
---@type lsp.Handler
function M.handle_progress(err, params, context)
  local on_piece = streams[params.token]
  if on_piece then
    on_piece(params.value.text or '', params.value)
    return
  end
  status.handle_progress(context.client_id, params.token, params.value)
  return vim.lsp.handlers['$/progress'](err, params, context)
end

--- Format a value of a result for a cell of a Markdown table: a range as its first line, a missing value as a dash.
---@param value any
---@return string
local function format_cell(value)
  if value == nil or value == vim.NIL then
    return '–'
  elseif type(value) == 'number' and value ~= math.floor(value) then
    return ('%.1f'):format(value)
  elseif type(value) ~= 'table' then
    return (tostring(value):gsub('%s+', ' '):gsub('|', '\\|'))
  elseif vim.islist(value) then
    return table.concat(vim.tbl_map(format_cell, value), ', ')
  elseif value.start and value.start.line then
    return tostring(value.start.line + 1)
  end
  local parts = {}
  for _, name in ipairs(vim.fn.sort(vim.tbl_keys(value))) do
    table.insert(parts, ('%s %s'):format(name, format_cell(value[name])))
  end
  return table.concat(parts, ', ')
end

local TIMES = { at = true, deadline = true } -- columns with seconds since the epoch

--- Turn the name of a field into a title: `total_ms` into "Total ms".
---@param name string
---@return string
local function format_title(name)
  return (name:gsub('_', ' '):gsub('^%l', string.upper))
end

--- Format a result as Markdown: facts as a list, lists of records as tables.
---@param heading string
---@param result table
---@param shown { facts: string[], tables: table<string, string[]>, order: string[] }
---@return string
function M.format_report(heading, result, shown)
  local lines = { '# ' .. heading, '' }
  for _, name in ipairs(shown.facts or {}) do
    local value = vim.tbl_get(result, unpack(vim.split(name, '.', { plain = true })))
    if value ~= nil and value ~= vim.NIL and value ~= '' and not (type(value) == 'table' and next(value) == nil) then
      table.insert(lines, ('- %s: %s'):format(format_title(name:gsub('%.', ' ')), format_cell(value)))
    end
  end
  for _, name in ipairs(shown.order or {}) do
    local rows, columns = result[name] or {}, shown.tables[name]
    vim.list_extend(lines, { '', '## ' .. format_title(name), '' })
    if #rows == 0 then
      table.insert(lines, 'None.')
    else
      table.insert(lines, '| ' .. table.concat(vim.tbl_map(format_title, columns), ' | ') .. ' |')
      table.insert(lines, '|' .. (' --- |'):rep(#columns))
    end
    for _, row in ipairs(rows) do
      local cells = vim.tbl_map(function(column)
        local value = row[column]
        return TIMES[column] and type(value) == 'number' and os.date('%Y-%m-%d %H:%M', value) or format_cell(value)
      end, columns)
      table.insert(lines, '| ' .. table.concat(cells, ' | ') .. ' |')
    end
  end
  return table.concat(lines, '\n')
end

return M
