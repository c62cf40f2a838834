-- The one question: a floating window with what would be done, answered by a key. Closing it is a no.
-- Nothing is applied here. Keys count only after a moment, so that nobody answers by typing on.

local M = {}

local SAFE_MS = 500 -- as long as a key may still have been meant for the buffer

---@class starling.Choice
---@field title string
---@field key string
---@field value any

---@type { answer: fun(value: any) }?
local open = nil

---@param buffer integer
---@param lines string[]
---@param filetype string
local function fill(buffer, lines, filetype)
  vim.bo[buffer].bufhidden, vim.bo[buffer].swapfile = 'wipe', false
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, lines)
  vim.bo[buffer].modifiable, vim.bo[buffer].filetype = false, filetype
  vim.b[buffer].starling_question = true
end

---@param lines string[]
---@param title string
---@param choices starling.Choice[]
---@return vim.api.keyset.win_config
local function placed(lines, title, choices)
  local longest = vim.fn.max(vim.tbl_map(vim.fn.strdisplaywidth, lines))
  local width = math.min(math.max(longest + 2, 60), vim.o.columns - 4)
  local height = math.min(math.max(#lines, 3), math.max(vim.o.lines - 6, 3))
  local footer = {}
  for _, choice in ipairs(choices) do
    vim.list_extend(footer, { { ' ' .. choice.key, 'Special' }, { ' ' .. choice.title .. ' ', 'FloatFooter' } })
  end
  return {
    relative = 'editor',
    width = width,
    height = height,
    row = math.max(math.floor((vim.o.lines - height) / 2) - 2, 0),
    col = math.max(math.floor((vim.o.columns - width) / 2) - 1, 0),
    border = 'rounded',
    title = ' ' .. vim.fn.strcharpart(title, 0, width - 4) .. ' ',
    footer = footer,
    zindex = 60,
  }
end

--- Ask, and go on with the value of the choice; nil for a no, a closed window, and what was withdrawn.
---@param title string
---@param lines string[]
---@param filetype string
---@param choices starling.Choice[]
---@param answered fun(value: any)
local function ask(title, lines, filetype, choices, answered)
  M.withdraw()
  local back, insert = vim.api.nvim_get_current_win(), vim.startswith(vim.api.nvim_get_mode().mode, 'i')
  vim.cmd.stopinsert()
  local buffer = vim.api.nvim_create_buf(false, true)
  fill(buffer, lines, filetype)
  local window = vim.api.nvim_open_win(buffer, true, placed(lines, title, choices))
  vim.wo[window].wrap = false
  local mine = {}
  local function answer(value)
    if open ~= mine then
      return
    end
    open = nil
    pcall(vim.api.nvim_win_close, window, true)
    if vim.api.nvim_win_is_valid(back) then
      vim.api.nvim_set_current_win(back)
    end
    if insert then
      vim.cmd.startinsert()
    end
    answered(value)
  end
  mine.answer = answer
  open = mine
  local opened = vim.uv.now()
  local function on(key, value)
    vim.keymap.set('n', key, function()
      vim.uv.update_time()
      if vim.uv.now() - opened >= SAFE_MS then
        answer(value)
      end
    end, { buffer = buffer, nowait = true })
  end
  for _, choice in ipairs(choices) do
    on(choice.key, choice.value)
  end
  on('q', nil)
  on('<Esc>', nil)
  vim.api.nvim_create_autocmd({ 'WinClosed', 'BufWipeout' }, {
    buffer = buffer,
    callback = vim.schedule_wrap(function()
      answer(nil)
    end),
  })
  vim.defer_fn(function()
    if open == mine then
      vim.b[buffer].starling_ready = true
      vim.api.nvim_exec_autocmds('User', { pattern = 'StarlingQuestion', data = { title = title, lines = lines } })
    end
  end, SAFE_MS)
end

--- Ask and wait for the answer, in a handler of the LSP client (which runs in a coroutine).
---@param title string
---@param lines string[]
---@param filetype string
---@param choices starling.Choice[]
---@return any
function M.wait(title, lines, filetype, choices)
  local running = assert(coroutine.running())
  ask(title, lines, filetype, choices, function(value)
    vim.schedule(function()
      coroutine.resume(running, value)
    end)
  end)
  return coroutine.yield()
end

--- Take the question down that nobody waits for any more.
function M.withdraw()
  if open then
    open.answer(nil)
  end
end

--- What may be chosen, each with a letter of its title for a key.
---@param titles string[]
---@param values? any[] the titles themselves if nothing else
---@return starling.Choice[]
function M.choices(titles, values)
  local taken = { q = true }
  local function key_of(title)
    local letters = title:gsub('%A', '')
    for letter in (letters:sub(1, 1):lower() .. letters:sub(1, 1):upper() .. letters:lower()):gmatch('.') do
      if not taken[letter] then
        taken[letter] = true
        return letter
      end
    end
  end
  local choices = {}
  for index, title in ipairs(titles) do
    choices[index] = { title = title, key = key_of(title) or tostring(index), value = (values or titles)[index] }
  end
  return choices
end

--- `window/showMessageRequest`: commands to run, and whatever else is asked in words.
---@type lsp.Handler
function M.message_request(err, params, context)
  local running, is_main = coroutine.running()
  if not next(params.actions or {}) or not running or is_main then
    return vim.lsp.handlers['window/showMessageRequest'](err, params, context)
  end
  local lines = vim.split(params.message, '\n')
  local titles = vim.tbl_map(function(action)
    return action.title
  end, params.actions)
  return M.wait(table.remove(lines, 1), lines, 'diff', M.choices(titles, params.actions)) or vim.NIL
end

return M
