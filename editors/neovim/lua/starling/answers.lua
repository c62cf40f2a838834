-- Answers in words and figures: a scratch buffer with Markdown beside the work, filled while the answer comes.
-- Knows no command; what is shown of which result stands in commands.json.

local M = {}

local status = require('starling.status')

---@type table<any, fun(text: string)>
local streams = {}
local last_token = 0

--- A window below with an empty Markdown buffer that goes when it is closed (`q`).
---@param name string
---@return integer buffer
function M.open(name)
  local uri = ('starling-answer://%s'):format(name)
  local old = vim.fn.bufnr(uri)
  if old ~= -1 then
    vim.api.nvim_buf_delete(old, { force = true })
  end
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(buffer, uri)
  vim.bo[buffer].bufhidden, vim.bo[buffer].swapfile = 'wipe', false
  -- a Neovim that comes without a parser for Markdown complains from its own filetype plugin; the text shows all the same
  pcall(function() vim.bo[buffer].filetype = 'markdown' end)
  vim.bo[buffer].modifiable = false
  vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = buffer, nowait = true, desc = 'Close the answer' })
  local window = vim.api.nvim_open_win(buffer, false, { split = 'below', win = 0, height = math.floor(vim.o.lines / 3) })
  vim.wo[window].wrap, vim.wo[window].linebreak, vim.wo[window].conceallevel = true, true, 2
  return buffer
end

--- Put a text behind what is there.
---@param buffer integer
---@param text string
function M.append(buffer, text)
  if not vim.api.nvim_buf_is_valid(buffer) then
    return -- it was closed; nobody reads any more
  end
  vim.bo[buffer].modifiable = true
  local last = vim.api.nvim_buf_line_count(buffer) - 1
  local column = #vim.api.nvim_buf_get_lines(buffer, last, last + 1, false)[1]
  vim.api.nvim_buf_set_text(buffer, last, column, last, column, vim.split(text, '\n'))
  vim.bo[buffer].modifiable = false
end

--- What is there is this now.
---@param buffer integer
---@param text string
function M.replace(buffer, text)
  if vim.api.nvim_buf_is_valid(buffer) then
    vim.bo[buffer].modifiable = true
    vim.api.nvim_buf_set_lines(buffer, 0, -1, false, vim.split(text, '\n'))
    vim.bo[buffer].modifiable = false
  end
end

--- A token for pieces of an answer; each goes to `piece`.
---@param piece fun(text: string)
---@return string token
function M.stream(piece)
  last_token = last_token + 1
  local token = ('starling-answer-%d'):format(last_token)
  streams[token] = piece
  return token
end

---@param token string
function M.done(token)
  streams[token] = nil
end

--- `$/progress`: pieces of our answers, and bars, which are Neovim's business.
---@type lsp.Handler
function M.progress(err, params, context)
  local piece = streams[params.token]
  if piece then
    piece(params.value.text or '')
    return
  end
  status.progress(context.client_id, params.token, params.value)
  return vim.lsp.handlers['$/progress'](err, params, context)
end

---@param value any
---@return string
local function cell(value)
  if value == nil or value == vim.NIL then
    return '–'
  elseif type(value) == 'number' and value ~= math.floor(value) then
    return ('%.1f'):format(value)
  elseif type(value) ~= 'table' then
    return (tostring(value):gsub('%s+', ' '):gsub('|', '\\|'))
  elseif vim.islist(value) then
    return table.concat(vim.tbl_map(cell, value), ', ')
  elseif value.start and value.start.line then
    return tostring(value.start.line + 1)
  end
  local parts = {}
  for _, name in ipairs(vim.fn.sort(vim.tbl_keys(value))) do
    table.insert(parts, ('%s %s'):format(name, cell(value[name])))
  end
  return table.concat(parts, ', ')
end

---@param name string
---@return string
local function title(name)
  return (name:gsub('_', ' '):gsub('^%l', string.upper))
end

--- A result as Markdown: facts as a list, lists of records as tables.
---@param heading string
---@param result table
---@param shown { facts: string[], tables: table<string, string[]>, order: string[] }
---@return string
function M.markdown(heading, result, shown)
  local lines = { '# ' .. heading, '' }
  for _, name in ipairs(shown.facts or {}) do
    local value = vim.tbl_get(result, unpack(vim.split(name, '.', { plain = true })))
    if value ~= nil and value ~= vim.NIL and value ~= '' and not (type(value) == 'table' and next(value) == nil) then
      table.insert(lines, ('- %s: %s'):format(title(name:gsub('%.', ' ')), cell(value)))
    end
  end
  for _, name in ipairs(shown.order or {}) do
    local rows, columns = result[name] or {}, shown.tables[name]
    vim.list_extend(lines, { '', '## ' .. title(name), '' })
    if #rows == 0 then
      table.insert(lines, 'None.')
    else
      table.insert(lines, '| ' .. table.concat(vim.tbl_map(title, columns), ' | ') .. ' |')
      table.insert(lines, '|' .. (' --- |'):rep(#columns))
    end
    for _, row in ipairs(rows) do
      local cells = vim.tbl_map(function(column)
        return column == 'at' and os.date('%Y-%m-%d %H:%M', row[column]) or cell(row[column])
      end, columns)
      table.insert(lines, '| ' .. table.concat(cells, ' | ') .. ' |')
    end
  end
  return table.concat(lines, '\n')
end

return M
