-- The parts of a proposal in the window of its question: <Space> takes the part under the cursor or leaves it out, ]c and [c
-- go to the next and the previous one. Answers nothing.

local M = {}

local NAMESPACE = vim.api.nvim_create_namespace('starling.parts')

---@class starling.Part
---@field id string
---@field head integer the first line of its file in the window, from 1
---@field first integer its first line, which ends with its mark
---@field last integer its last line
---@field text string its first line without the mark
---@field taken boolean

--- Return how many of the parts are taken.
---@param parts starling.Part[]
---@return integer
function M.count_taken(parts)
  return #vim.tbl_filter(function(part)
    return part.taken
  end, parts)
end

--- Return the first line of a part with its mark: `@@ -1,4 +1,5 @@ [x] part 1 of 3`.
---@param parts starling.Part[]
---@param index integer
---@return string
function M.format_first_line(parts, index)
  local part = parts[index]
  return ('%s [%s] part %d of %d'):format(part.text, part.taken and 'x' or ' ', index, #parts)
end

--- Return why a choice cannot be made with the parts that are taken; nil if it can.
---@param parts starling.Part[]
---@param choice starling.Choice
---@return string?
function M.find_obstacle(parts, choice)
  local taken = M.count_taken(parts)
  if choice.takes == 'some' and taken == 0 then
    return 'No part is taken: take one with <Space>, or reject the change.'
  elseif choice.takes == 'all' and taken < #parts then
    return 'This answer is for the whole change: take all parts with <Space>, or answer for some of them only.'
  end
end

--- Return the choices as the footer shows them: how many parts are taken, and only the answers that are possible.
---@param parts starling.Part[]
---@param choices starling.Choice[]
---@return starling.Choice[]
function M.describe_choices(parts, choices)
  local taken = M.count_taken(parts)
  local shown = {}
  for _, choice in ipairs(choices) do
    if not M.find_obstacle(parts, choice) then
      local counts = choice.takes == 'some' and taken < #parts
      local title = counts and ('%s %d of %d parts'):format(choice.title, taken, #parts) or choice.title
      table.insert(shown, { title = title, key = choice.key })
    end
  end
  return vim.list_extend(shown, { { title = 'Take or leave', key = '<Space>' } })
end

--- Show the mark of a part, and dim the part if it is left out.
---@param buffer integer
---@param parts starling.Part[]
---@param index integer
local function draw(buffer, parts, index)
  local part = parts[index]
  vim.bo[buffer].modifiable = true
  vim.api.nvim_buf_clear_namespace(buffer, NAMESPACE, part.first - 1, part.last)
  vim.api.nvim_buf_set_lines(buffer, part.first - 1, part.first, true, { M.format_first_line(parts, index) })
  vim.bo[buffer].modifiable = false
  if not part.taken then
    local dimmed = { end_row = part.last, end_col = 0, hl_group = 'Comment', hl_eol = true, priority = 200, strict = false }
    vim.api.nvim_buf_set_extmark(buffer, NAMESPACE, part.first - 1, 0, dimmed)
  end
end

--- Return the parts that the key concerns at a line: the one there, those of the file whose name stands there, else all.
---@param parts starling.Part[]
---@param line integer
---@return integer[]
local function find_at(parts, line)
  local all, of_file = {}, {}
  for index, part in ipairs(parts) do
    if part.first <= line and line <= part.last then
      return { index }
    end
    table.insert(all, index)
    if part.head <= line and line < part.head + 2 then
      table.insert(of_file, index)
    end
  end
  return #of_file > 0 and of_file or all
end

--- Take the parts at the cursor, or leave them out if all of them are taken.
---@param buffer integer
---@param parts starling.Part[]
local function toggle(buffer, parts)
  local found = find_at(parts, vim.api.nvim_win_get_cursor(0)[1])
  local taken = vim.iter(found):all(function(index)
    return parts[index].taken
  end)
  for _, index in ipairs(found) do
    parts[index].taken = not taken
    draw(buffer, parts, index)
  end
  local which = #found == 1 and ('Part %d is'):format(found[1]) or ('%d parts are'):format(#found)
  local said = ('%s %s; %d of %d are taken.'):format(which, taken and 'left out' or 'taken', M.count_taken(parts), #parts)
  vim.api.nvim_echo({ { said } }, false, {})
end

--- Put the cursor on the next part (`step` 1) or the previous one (-1).
---@param parts starling.Part[]
---@param step 1|-1
local function jump(parts, step)
  local line = vim.api.nvim_win_get_cursor(0)[1]
  for index = step == 1 and 1 or #parts, step == 1 and #parts or 1, step do
    if (parts[index].first - line) * step > 0 then
      vim.api.nvim_win_set_cursor(0, { parts[index].first, 0 })
      return
    end
  end
end

--- Map the keys of the parts in the window's buffer.
---@param buffer integer
---@param parts starling.Part[]
---@param map_key fun(key: string, act: fun())
---@param changed fun() called after each change of what is taken
function M.map_keys(buffer, parts, map_key, changed)
  map_key('<Space>', function()
    toggle(buffer, parts)
    changed()
  end)
  map_key(']c', function()
    jump(parts, 1)
  end)
  map_key('[c', function()
    jump(parts, -1)
  end)
end

return M
