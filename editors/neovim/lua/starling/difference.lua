-- The difference that an edit makes, drawn into the text: what goes in red and struck through, what comes in green, and a
-- hint about the key. Changes no text and knows no server.

local M = {}

local is_drawn = false -- whether a buffer may have marks

M.space = vim.api.nvim_create_namespace('starling.next_edit')

---@class starling.Place
---@field row integer
---@field col integer byte column

---@class starling.Difference
---@field from starling.Place
---@field to starling.Place
---@field removed string
---@field added string
---@field lines string[] the whole lines that come, if the new text cannot be shown within one line; otherwise none
---@field is_insertion boolean whether `lines` come beside the old line, which stays as it is
---@field above boolean whether `lines` come above the line of `from`

---@param text string
---@param offset integer number of bytes before the cut
---@return boolean # whether a word or a character would be cut
local function cuts_word(text, offset)
  return text:sub(offset, offset):find('[%w_\128-\255]') ~= nil and text:sub(offset + 1, offset + 1):find('[%w_\128-\255]') ~= nil
end

--- Return the lengths of the common beginning and the common end of two texts, which never overlap nor cut a word.
---@param old string
---@param new string
---@return integer, integer
local function measure_common_parts(old, new)
  local most = math.min(#old, #new)
  local prefix = 0
  while prefix < most and old:byte(prefix + 1) == new:byte(prefix + 1) do
    prefix = prefix + 1
  end
  while prefix > 0 and (cuts_word(old, prefix) or cuts_word(new, prefix)) do
    prefix = prefix - 1
  end
  local suffix = 0
  while suffix < most - prefix and old:byte(#old - suffix) == new:byte(#new - suffix) do
    suffix = suffix + 1
  end
  while suffix > 0 and (cuts_word(old, #old - suffix) or cuts_word(new, #new - suffix)) do
    suffix = suffix - 1
  end
  return prefix, suffix
end

---@param place starling.Place
---@param text string
---@return starling.Place # the place after `text`, which begins at `place`
local function move(place, text)
  local lines = vim.split(text, '\n')
  return { row = place.row + #lines - 1, col = (#lines == 1 and place.col or 0) + #lines[#lines] }
end

--- Return the difference of an edit without the text that both sides have in common; words stay whole.
---@param buffer integer
---@param range lsp.Range
---@param new string
---@param encoding string
---@return starling.Difference
function M.find(buffer, range, new, encoding)
  local count = vim.api.nvim_buf_line_count(buffer)
  local function to_place(position)
    if position.line >= count then -- after the newline of the last line
      local last = vim.api.nvim_buf_get_lines(buffer, count - 1, count, false)[1]
      return { row = count - 1, col = #last }, true
    end
    local line = vim.api.nvim_buf_get_lines(buffer, position.line, position.line + 1, false)[1]
    return { row = position.line, col = vim.str_byteindex(line, encoding, position.character, false) }, false
  end
  local first = to_place(range.start)
  local last, is_cut = to_place(range['end'])
  if is_cut and vim.endswith(new, '\n') then
    new = new:sub(1, -2)
  end
  local old = table.concat(vim.api.nvim_buf_get_text(buffer, first.row, first.col, last.row, last.col, {}), '\n')
  local prefix, suffix = measure_common_parts(old, new)
  local removed, added = old:sub(prefix + 1, #old - suffix), new:sub(prefix + 1, #new - suffix)
  local from = move(first, old:sub(1, prefix))
  local to = move(from, removed)
  local change = { from = from, to = to, removed = removed, added = added, lines = {}, is_insertion = false, above = false }
  if not added:find('\n') then
    return change
  end
  local head = vim.api.nvim_buf_get_lines(buffer, from.row, from.row + 1, false)[1]:sub(1, from.col)
  local tail = vim.api.nvim_buf_get_lines(buffer, to.row, to.row + 1, false)[1]:sub(to.col + 1)
  change.above = removed == '' and head == '' and vim.endswith(added, '\n')
  local below = removed == '' and tail == '' and vim.startswith(added, '\n')
  change.is_insertion = change.above or below
  local text = change.above and added:sub(1, -2) or below and added:sub(2) or head .. added .. tail
  change.lines = vim.split(text, '\n')
  return change
end

--- Define the colours, again each time, since `:colorscheme` removes them. A person may define them, too.
local function define_colours()
  local hint = vim.fn.hlexists('ComplHint') == 1 and 'ComplHint' or 'NonText'
  vim.api.nvim_set_hl(0, 'StarlingRemoved', { default = true, link = 'DiffDelete' })
  vim.api.nvim_set_hl(0, 'StarlingStruck', { default = true, strikethrough = true })
  vim.api.nvim_set_hl(0, 'StarlingAdded', { default = true, link = 'DiffAdd' })
  vim.api.nvim_set_hl(0, 'StarlingHint', { default = true, link = hint })
end

--- Draw a difference into its buffer.
---@param buffer integer
---@param change starling.Difference
function M.draw(buffer, change)
  define_colours()
  is_drawn = true
  local from, to = change.from, change.to
  local is_block = #change.lines > 0
  if change.removed ~= '' then
    local first = is_block and 0 or from.col
    local last = is_block and #vim.api.nvim_buf_get_lines(buffer, to.row, to.row + 1, false)[1] or to.col
    for _, group in ipairs({ 'StarlingRemoved', 'StarlingStruck' }) do
      local options = { end_row = to.row, end_col = last, hl_group = group }
      vim.api.nvim_buf_set_extmark(buffer, M.space, from.row, first, options)
    end
  end
  if is_block then
    local lines = vim.tbl_map(function(line)
      return { { line == '' and ' ' or line, 'StarlingAdded' } }
    end, change.lines)
    -- Neovim does not show lines above the first one
    local row = change.above and math.max(from.row - 1, 0) or to.row
    vim.api.nvim_buf_set_extmark(buffer, M.space, row, 0, { virt_lines = lines })
  elseif change.added ~= '' then
    local options = { virt_text = { { change.added, 'StarlingAdded' } }, virt_text_pos = 'inline' }
    vim.api.nvim_buf_set_extmark(buffer, M.space, to.row, to.col, options)
  end
end

--- Draw a hint at the end of a line; none if `text` is empty.
---@param buffer integer
---@param row integer
---@param text string
function M.draw_hint(buffer, row, text)
  if text ~= '' then
    is_drawn = true
    local options = { virt_text = { { '   ' .. text, 'StarlingHint' } }, virt_text_pos = 'eol', hl_mode = 'combine' }
    vim.api.nvim_buf_set_extmark(buffer, M.space, row, 0, options)
  end
end

--- Remove everything that was drawn.
function M.clear()
  if not is_drawn then
    return
  end
  is_drawn = false
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(buffer) then
      vim.api.nvim_buf_clear_namespace(buffer, M.space, 0, -1)
    end
  end
end

return M
