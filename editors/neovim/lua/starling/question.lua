-- Asks a question in a floating window that shows the change; a key answers it, and closing the window rejects it. Only one
-- question is open at a time; others wait for it. Keys are ignored for a moment, so that nobody answers by typing on.
-- Applies nothing.

local parts_of = require('starling.parts')

local M = {}

local SAFE_MS = 500 -- until then a key may have been meant for the buffer

---@class starling.Choice
---@field title string
---@field key string
---@field value any what is answered, or a function of the buffer that returns it
---@field takes? 'some'|'all' whether some or all parts of the proposal have to be taken

---@class starling.QuestionOptions
---@field editable? boolean whether the person may edit the lines; then <Esc> answers nothing
---@field hints? string[] shown below the lines
---@field parts? starling.Part[] the parts of a proposal, which the person takes and leaves while the question is open

---@type { answer: fun(value: any) }?
local open_question = nil
---@type fun()[] open the questions that wait, in their order
local waiting = {}
local hints_space = vim.api.nvim_create_namespace('starling.question.hints')

---@param buffer integer
---@param lines string[]
---@param filetype string
---@param options starling.QuestionOptions
local function fill_buffer(buffer, lines, filetype, options)
  vim.bo[buffer].bufhidden, vim.bo[buffer].swapfile = 'wipe', false
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, lines)
  vim.bo[buffer].modifiable, vim.bo[buffer].filetype = options.editable or false, filetype
  local below = vim.tbl_map(function(hint)
    return { { hint, 'Comment' } }
  end, options.hints or {})
  if #below > 0 then
    vim.api.nvim_buf_set_extmark(buffer, hints_space, #lines - 1, 0, { virt_lines = below })
  end
  vim.b[buffer].starling_question = true
end

---@param lines string[]
---@param title string
---@param choices starling.Choice[]
---@return vim.api.keyset.win_config
local function get_window_config(lines, title, choices)
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

--- Open the window, and call `answered` with the value of the choice; nil for a rejection, a closed window and a withdrawn
--- question. While another question is open, this one waits.
---@param title string
---@param lines string[]
---@param filetype string
---@param choices starling.Choice[]
---@param answered fun(value: any)
---@param options starling.QuestionOptions
local function open_window(title, lines, filetype, choices, answered, options)
  if open_question then
    table.insert(waiting, function()
      open_window(title, lines, filetype, choices, answered, options)
    end)
    return
  end
  local previous_window = vim.api.nvim_get_current_win()
  local was_inserting = vim.startswith(vim.api.nvim_get_mode().mode, 'i')
  vim.cmd.stopinsert()
  local buffer = vim.api.nvim_create_buf(false, true)
  fill_buffer(buffer, lines, filetype, options)
  local whole = vim.list_extend(vim.list_slice(lines), options.hints or {})
  local parts = options.parts or {}
  local function get_config()
    return get_window_config(whole, title, #parts > 0 and parts_of.describe_choices(parts, choices) or choices)
  end
  local window = vim.api.nvim_open_win(buffer, true, get_config())
  vim.wo[window].wrap = options.editable or false
  local question = {}
  local function answer(value)
    if open_question ~= question then
      return
    end
    open_question = nil
    pcall(vim.api.nvim_win_close, window, true)
    if vim.api.nvim_win_is_valid(previous_window) then
      vim.api.nvim_set_current_win(previous_window)
    end
    if was_inserting then
      vim.cmd.startinsert()
    end
    answered(value)
    if #waiting > 0 then
      vim.schedule(table.remove(waiting, 1))
    end
  end
  question.answer = answer
  open_question = question
  local opened = vim.uv.now()
  local function map_key(key, act)
    vim.keymap.set('n', key, function()
      vim.uv.update_time()
      if vim.uv.now() - opened >= SAFE_MS then
        act()
      end
    end, { buffer = buffer, nowait = true })
  end
  for _, choice in ipairs(choices) do
    map_key(choice.key, function()
      local why = #parts > 0 and parts_of.find_obstacle(parts, choice)
      if why then
        vim.notify(why, vim.log.levels.WARN)
      else
        answer(vim.is_callable(choice.value) and choice.value(buffer) or choice.value)
      end
    end)
  end
  for _, key in ipairs(options.editable and {} or { 'q', '<Esc>' }) do
    map_key(key, function()
      answer(nil)
    end)
  end
  if #parts > 0 then
    parts_of.map_keys(buffer, parts, map_key, function()
      vim.api.nvim_win_set_config(window, get_config())
    end)
  end
  vim.api.nvim_create_autocmd({ 'WinClosed', 'BufWipeout' }, {
    buffer = buffer,
    callback = vim.schedule_wrap(function()
      answer(nil)
    end),
  })
  vim.defer_fn(function()
    if open_question == question then
      vim.b[buffer].starling_ready = true
      vim.api.nvim_exec_autocmds('User', { pattern = 'StarlingQuestion', data = { title = title, lines = lines } })
    end
  end, SAFE_MS)
end

--- Ask, wait for the answer and return the value of the choice; nil for a rejection. To be called in a coroutine, such as a
--- handler of the LSP client.
---@param title string
---@param lines string[]
---@param filetype string
---@param choices starling.Choice[]
---@param options? starling.QuestionOptions
---@return any
function M.ask(title, lines, filetype, choices, options)
  local running = assert(coroutine.running())
  open_window(title, lines, filetype, choices, function(value)
    vim.schedule(function()
      coroutine.resume(running, value)
    end)
  end, options or {})
  return coroutine.yield()
end

--- Close the open question as rejected, if it is the only one: Neovim does not say which one the server withdraws.
function M.withdraw()
  if open_question and #waiting == 0 then
    open_question.answer(nil)
  end
end

--- Return the choices, each with a different letter of its title as the key, or its number. The last one, which rejects, has
--- its first letter whatever else is offered, so that this key never stands for a yes.
---@param titles string[]
---@param values? any[] the values of the choices, by default the titles
---@return starling.Choice[]
function M.create_choices(titles, values)
  local taken = { q = true }
  local function choose_key(title)
    local letters = title:gsub('%A', '')
    for letter in (letters:sub(1, 1):lower() .. letters:sub(1, 1):upper() .. letters:lower()):gmatch('.') do
      if not taken[letter] then
        taken[letter] = true
        return letter
      end
    end
  end
  local choices = {}
  local function add(index)
    local title = titles[index]
    choices[index] = { title = title, key = choose_key(title) or tostring(index), value = (values or titles)[index] }
  end
  if #titles > 0 then
    add(#titles)
    taken[choices[#titles].key:upper()] = true
  end
  for index = 1, #titles - 1 do
    add(index)
  end
  return choices
end

--- Handle `window/showMessageRequest`: ask in the window; a message without actions is left to Neovim.
---@type lsp.Handler
function M.handle_message_request(err, params, context)
  local running, is_main = coroutine.running()
  if not next(params.actions or {}) or not running or is_main then
    return vim.lsp.handlers['window/showMessageRequest'](err, params, context)
  end
  local lines = vim.split(params.message, '\n')
  local titles = vim.tbl_map(function(action)
    return action.title
  end, params.actions)
  return M.ask(table.remove(lines, 1), lines, 'diff', M.create_choices(titles, params.actions)) or vim.NIL
end

--- Handle `starling/ask`, an agent's question: return the choice or the text that a person answers; null for no answer.
---@type lsp.Handler
function M.handle_agent_question(_, params)
  if #params.choices > 0 then
    local lines = vim.split(params.question, '\n')
    return { answer = M.ask(table.remove(lines, 1), lines, 'text', M.create_choices(params.choices)) or vim.NIL }
  end
  local running = assert(coroutine.running())
  vim.ui.input({ prompt = vim.trim(params.question) .. ' ' }, function(text)
    vim.schedule(function()
      coroutine.resume(running, text)
    end)
  end)
  return { answer = coroutine.yield() or vim.NIL }
end

return M
