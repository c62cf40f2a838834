-- The buffer of a chat: requests and answers as Markdown, each call of a tool as one folded line. Asks the server nothing.

local server = require('starling.server')

local M = {}

local calls_space = vim.api.nvim_create_namespace('starling.chat.calls')
local answers_space = vim.api.nvim_create_namespace('starling.chat.answers')
local MOST_LINES = 200 -- of the result of a call

---@class starling.ChatText
---@field calls table<string, { mark: integer, title: string, lines: integer }> by the id of the call
---@field answers table<integer, integer> number of the session's entry, by mark
---@field streamed string the text since the last heading or call
---@field levels? table<integer, string> levels of folds by line, for `tick`
---@field tick? integer

---@type table<integer, starling.ChatText>
local texts = {}

--- Create an empty buffer for a chat; its text is kept when no window shows it.
---@return integer buffer
function M.create()
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(buffer, ('starling-chat://%d'):format(buffer))
  vim.bo[buffer].bufhidden, vim.bo[buffer].swapfile, vim.bo[buffer].undolevels = 'hide', false, -1
  server.show_markdown(buffer)
  vim.bo[buffer].modifiable = false
  texts[buffer] = { calls = {}, answers = {}, streamed = '' }
  vim.api.nvim_create_autocmd('BufWipeout', { buffer = buffer, callback = function() texts[buffer] = nil end })
  return buffer
end

--- Set the options of a window that shows a chat: calls are folded.
---@param window integer
function M.set_up_window(window)
  local options = vim.wo[window][0]
  options.wrap, options.linebreak, options.conceallevel = true, true, 2
  options.foldmethod, options.foldexpr, options.foldlevel = 'expr', "v:lua.require'starling.chat_buffer'.get_fold_level()", 0
  options.foldtext, options.foldminlines, options.foldenable = 'getline(v:foldstart)', 0, true
  options.fillchars = 'fold: '
end

--- Replace lines of the buffer, and keep the end in sight in windows whose cursor was there; does nothing if it is gone.
---@param buffer integer
---@param first integer
---@param last integer
---@param lines string[]
local function set_lines(buffer, first, last, lines)
  if not texts[buffer] then
    return
  end
  local count = vim.api.nvim_buf_line_count(buffer)
  local following = vim.tbl_filter(function(window)
    return vim.api.nvim_win_get_cursor(window)[1] == count
  end, vim.fn.win_findbuf(buffer))
  vim.bo[buffer].modifiable = true
  vim.api.nvim_buf_set_lines(buffer, first, last, false, lines)
  vim.bo[buffer].modifiable = false
  for _, window in ipairs(following) do
    vim.api.nvim_win_set_cursor(window, { vim.api.nvim_buf_line_count(buffer), 0 })
  end
end

--- Append lines as a paragraph of their own; return the row of the first.
---@param buffer integer
---@param lines string[]
---@return integer row
local function add_paragraph(buffer, lines)
  if not texts[buffer] then
    return 0
  end
  local count = vim.api.nvim_buf_line_count(buffer)
  local last = vim.api.nvim_buf_get_lines(buffer, count - 1, count, false)[1]
  if count == 1 and last == '' then
    set_lines(buffer, 0, 1, lines)
    return 0
  end
  set_lines(buffer, count, count, vim.list_extend({ '' }, lines))
  return count + 1
end

--- Append a request of the person.
---@param buffer integer
---@param request string
function M.add_request(buffer, request)
  add_paragraph(buffer, vim.list_extend({ '## You', '' }, vim.split(request, '\n')))
end

--- Append the heading of an agent, and why it was chosen ('' for no reason).
---@param buffer integer
---@param agent string
---@param why string
function M.add_heading(buffer, agent, why)
  add_paragraph(buffer, { '## ' .. agent, unpack(why ~= '' and { '', ('*%s*'):format(why:gsub('[%c*]', ' ')) } or {}) })
  if texts[buffer] then
    texts[buffer].streamed = ''
  end
end

--- Append a piece of an agent's answer.
---@param buffer integer
---@param text string
function M.add_text(buffer, text)
  local state = texts[buffer]
  if not state then
    return
  end
  if state.streamed == '' then
    text = text:gsub('^%s+', '')
    if text == '' then
      return
    end
    add_paragraph(buffer, { '' })
  end
  state.streamed = state.streamed .. text
  local row = vim.api.nvim_buf_line_count(buffer) - 1
  local line = vim.api.nvim_buf_get_lines(buffer, row, row + 1, false)[1]
  set_lines(buffer, row, row + 1, vim.split(line .. text, '\n'))
end

--- Append a note of the program.
---@param buffer integer
---@param text string
function M.add_note(buffer, text)
  add_paragraph(buffer, vim.tbl_map(function(line)
    return '> ' .. line
  end, vim.split(text, '\n')))
  if texts[buffer] then
    texts[buffer].streamed = ''
  end
end

--- Append one line for a call that begins; `end_call` completes it.
---@param buffer integer
---@param call string the call's id
---@param title string
function M.add_call(buffer, call, title)
  local state = texts[buffer]
  if not state then
    return
  end
  title = title:gsub('%c', ' ')
  local row = add_paragraph(buffer, { '… ' .. title })
  local mark = vim.api.nvim_buf_set_extmark(buffer, calls_space, row, 0, { right_gravity = false })
  state.calls[call], state.streamed = { mark = mark, title = title, lines = 1 }, ''
end

--- Mark the line of a call as ended, and put the result below it, into its fold.
---@param buffer integer
---@param call string
---@param text string
---@param failed boolean
---@param seconds? number
function M.end_call(buffer, call, text, failed, seconds)
  local state = texts[buffer]
  local begun = state and state.calls[call]
  if not begun then
    return
  end
  local row = vim.api.nvim_buf_get_extmark_by_id(buffer, calls_space, begun.mark, {})[1]
  local took = seconds and (' (%.1f s)'):format(seconds) or ''
  local lines = { ('%s %s%s'):format(failed and '✗' or '✓', begun.title, took) }
  local result = vim.split(text, '\n', { trimempty = true })
  for index, line in ipairs(result) do
    if index > MOST_LINES then
      table.insert(lines, '    […]')
      break
    end
    table.insert(lines, '    ' .. line)
  end
  set_lines(buffer, row, row + 1, lines)
  vim.api.nvim_buf_set_extmark(buffer, calls_space, row, 0, { id = begun.mark, right_gravity = false })
  begun.lines, state.tick = #lines, nil
  for _, window in ipairs(vim.fn.win_findbuf(buffer)) do
    vim.wo[window][0].foldmethod = 'expr' -- has Neovim compute the folds again; opened ones stay open
  end
end

--- Show the final answer, unless it was streamed, and remember the number of its entry for thumbs.
---@param buffer integer
---@param text string
---@param entry integer
function M.add_answer(buffer, text, entry)
  local state = texts[buffer]
  if not state then
    return
  end
  if vim.trim(state.streamed) ~= vim.trim(text) then
    add_paragraph(buffer, vim.split(text, '\n'))
  end
  state.streamed = ''
  local mark = vim.api.nvim_buf_set_extmark(buffer, answers_space, vim.api.nvim_buf_line_count(buffer) - 1, 0, {})
  state.answers[mark] = entry
end

--- Append the history of a session.
---@param buffer integer
---@param history table[] entries as `starling.session` returns them
function M.add_history(buffer, history)
  local calls, agent = {}, ''
  for _, entry in ipairs(history) do
    if entry.kind == 'person' then
      agent = ''
      M.add_request(buffer, entry.text)
    elseif entry.kind == 'agent' then
      if entry.by ~= agent then
        agent = entry.by
        M.add_heading(buffer, agent, '')
      end
      calls = vim.list_slice(entry.calls)
      if #calls > 0 then
        M.add_text(buffer, entry.text)
      else
        M.add_answer(buffer, entry.text, entry.number)
        local _, mark = M.find_answer(buffer, math.huge)
        if type(entry.feedback) == 'table' then
          M.show_thumb(buffer, mark, entry.feedback.thumb)
        end
      end
    elseif entry.kind == 'result' then
      local call = ('entry %d'):format(entry.number)
      M.add_call(buffer, call, table.remove(calls, 1) or 'result')
      M.end_call(buffer, call, entry.text, false)
    else
      M.add_note(buffer, entry.text)
    end
  end
end

--- Return the entry and the mark of the answer that ends at or after a row, else of the last one; nil without answers.
---@param buffer integer
---@param row number
---@return integer? entry, integer? mark
function M.find_answer(buffer, row)
  local found
  for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(buffer, answers_space, 0, -1, {})) do
    found = mark[1]
    if mark[2] >= row then
      break
    end
  end
  return found and texts[buffer].answers[found], found
end

--- Show a thumb after an answer.
---@param buffer integer
---@param mark integer
---@param thumb 'up'|'down'
function M.show_thumb(buffer, mark, thumb)
  local row = vim.api.nvim_buf_get_extmark_by_id(buffer, answers_space, mark, {})[1]
  local text = { { '  thumb ' .. thumb, 'Comment' } }
  vim.api.nvim_buf_set_extmark(buffer, answers_space, row, 0, { id = mark, virt_text = text, virt_text_pos = 'eol' })
end

--- Return the level of the fold of the line `v:lnum`, for 'foldexpr'.
---@return string
function M.get_fold_level()
  local buffer = vim.api.nvim_get_current_buf()
  local state, tick = texts[buffer], vim.api.nvim_buf_get_changedtick(buffer)
  if not state then
    return '0'
  end
  if state.tick ~= tick then
    state.tick, state.levels = tick, {}
    for _, call in pairs(state.calls) do
      local row = vim.api.nvim_buf_get_extmark_by_id(buffer, calls_space, call.mark, {})[1]
      for line = row + 1, row + call.lines do
        state.levels[line] = line == row + 1 and '>1' or '1'
      end
    end
  end
  return state.levels[vim.v.lnum] or '0'
end

return M
