-- `:StarlingChat`: a conversation with the team of agents, as a Markdown buffer with an input part below. Shows what the
-- server streams; agents' questions come through starling.question and starling.proposals. chat_buffer.lua writes the text.

local answers = require('starling.answers')
local question = require('starling.question')
local server = require('starling.server')
local transcript = require('starling.chat_buffer')

local M = {}

local INPUT_LINES = 4
local ANY_ROLE = 'any role'

---@class starling.Chat
---@field buffer integer
---@field session string '' before the first request
---@field title string
---@field mode 'plan'|'act'
---@field role string '' for the server's choice
---@field agent string the agent that works, '' for none
---@field steps { title: string, status: string }[] the plan
---@field running boolean
---@field tokens integer of the last request
---@field origin integer the buffer from which the chat was opened

---@type starling.Chat?
local shown = nil
---@type { output: integer, input: integer, buffer: integer }? windows of both parts, and the buffer of the input
local view = nil

-- The windows

---@return boolean
local function is_open()
  return view ~= nil and vim.api.nvim_win_is_valid(view.output) and vim.api.nvim_win_is_valid(view.input)
end

--- Return the plan in a few words: how many steps are done, and the active one; nil without a plan.
---@param steps { title: string, status: string }[]
---@return string?
local function describe_plan(steps)
  if #steps == 0 then
    return nil
  end
  local done, active = 0, ''
  for _, step in ipairs(steps) do
    done = done + (step.status == 'done' and 1 or 0)
    active = step.status == 'active' and active == '' and step.title or active
  end
  return ('plan %d/%d%s'):format(done, #steps, active ~= '' and ': ' .. active or '')
end

--- Show mode, role, plan, title and state of the chat in the bar above it.
---@param chat starling.Chat
local function update_bar(chat)
  if chat ~= shown or not is_open() then
    return
  end
  local parts = { chat.mode, chat.agent ~= '' and chat.agent or chat.role ~= '' and chat.role or ANY_ROLE }
  table.insert(parts, describe_plan(chat.steps))
  table.insert(parts, chat.title ~= '' and chat.title or 'new session')
  if chat.running then
    table.insert(parts, 'working')
  elseif chat.tokens > 0 then
    table.insert(parts, chat.tokens .. ' tokens')
  end
  parts = vim.tbl_map(function(part)
    return (part:gsub('%%', '%%%%'):gsub('%c', ' '))
  end, parts)
  parts[3] = '%<' .. parts[3] -- plan or title, which are cut where the window is too narrow
  vim.wo[view.output].winbar = ' ' .. table.concat(parts, ' | ')
end

--- Return a new chat without a session.
---@param origin integer
---@return starling.Chat
local function create_chat(origin)
  local chat = {
    buffer = transcript.create(),
    session = '', title = '', mode = shown and shown.mode or 'plan', role = '', agent = '',
    steps = {}, running = false, tokens = 0, origin = origin,
  }
  M.map_keys(chat.buffer)
  return chat
end

--- Show a chat in the window above the input.
---@param chat starling.Chat
local function show(chat)
  shown = chat
  vim.api.nvim_win_set_buf(view.output, chat.buffer)
  transcript.set_up_window(view.output)
  update_bar(chat)
end

--- Open the two windows at the right; the cursor is in the input then.
local function open_windows()
  vim.cmd('botright vsplit')
  local output = vim.api.nvim_get_current_win()
  local buffer = view and vim.api.nvim_buf_is_valid(view.buffer) and view.buffer or vim.api.nvim_create_buf(false, true)
  local input = vim.api.nvim_open_win(buffer, true, { split = 'below', win = output, height = INPUT_LINES })
  vim.wo[input].winfixheight, vim.wo[input].wrap, vim.wo[input].winbar = true, true, ' <CR> sends, <C-c> cancels, g? helps'
  vim.bo[buffer].bufhidden, vim.bo[buffer].swapfile = 'hide', false
  view = { output = output, input = input, buffer = buffer }
  M.map_keys(buffer)
  vim.keymap.set({ 'n', 'i' }, '<CR>', M.send, { buffer = buffer, desc = 'Send the request' })
  vim.keymap.set('i', '<C-j>', '<CR>', { buffer = buffer, desc = 'Begin a new line' })
end

-- Requests

--- Return the buffer from which a chat was opened, if Starling serves it: its server has the chat's sessions.
---@param chat starling.Chat
---@return integer?
local function get_served_buffer(chat)
  local is_served = vim.api.nvim_buf_is_valid(chat.origin)
    and #vim.lsp.get_clients({ name = server.name, bufnr = chat.origin }) > 0
  return is_served and chat.origin or nil
end

--- Run a command of the server for a chat; an error is shown as a message.
---@param chat starling.Chat
---@param command string
---@param arguments table
---@param done fun(result: table)
local function execute(chat, command, arguments, done)
  server.execute(command, arguments, function(result, problem)
    if result then
      return done(result)
    end
    server.notify(problem, vim.log.levels.ERROR)
  end, { bufnr = get_served_buffer(chat) })
end

--- How the events of a turn are shown, by their kind.
---@type table<string, fun(chat: starling.Chat, event: table)>
local take = {}

function take.session(chat, event)
  chat.session, chat.title = event.session, event.title
end

function take.agent(chat, event)
  chat.agent = event.agent
  transcript.add_heading(chat.buffer, event.agent, event.why)
end

function take.text(chat, event)
  transcript.add_text(chat.buffer, event.text)
end

function take.call(chat, event)
  transcript.add_call(chat.buffer, event.call, event.title)
end

function take.result(chat, event)
  transcript.end_call(chat.buffer, event.call, event.text .. (event.cut and '\n[…]' or ''), event.failed, event.seconds)
end

function take.plan(chat, event)
  chat.steps = event.steps
end

function take.note(chat, event)
  transcript.add_note(chat.buffer, event.text)
end

--- Show the end of a turn: the answer if it was not streamed, why the turn ended, and what it took.
---@param chat starling.Chat
---@param result? table
---@param problem? string
local function end_turn(chat, result, problem)
  chat.running, chat.agent = false, ''
  if not result then
    transcript.add_note(chat.buffer, problem)
    server.notify(problem, vim.log.levels.ERROR)
  elseif result.status == 'done' then
    transcript.add_answer(chat.buffer, result.text, result.entries)
  else
    transcript.add_note(chat.buffer, result.text)
  end
  chat.tokens = result and result.tokens or 0
  update_bar(chat)
end

--- Send `request` to the team in a chat.
---@param chat starling.Chat
---@param request string
local function ask(chat, request)
  chat.running = true
  transcript.add_request(chat.buffer, request)
  update_bar(chat)
  local arguments = { request = request, session = chat.session, mode = chat.mode, role = chat.role }
  arguments.document = vim.uri_from_bufnr(get_served_buffer(chat) or 0)
  arguments.partial_token = answers.start_stream(function(_, event)
    if take[event.kind] then
      take[event.kind](chat, event)
      update_bar(chat)
    end
  end)
  server.execute('starling.ask', arguments, function(result, problem)
    answers.end_stream(arguments.partial_token)
    end_turn(chat, result, problem)
  end, { bufnr = get_served_buffer(chat) })
end

--- Send the text of the input part, and empty it; does nothing without a text.
function M.send()
  local chat = shown
  local lines = vim.api.nvim_buf_get_lines(view.buffer, 0, -1, false)
  local request = vim.trim(table.concat(lines, '\n'))
  if not chat or request == '' then
    return
  end
  if chat.running then
    return server.notify('the last request is still being answered; <C-c> cancels it.', vim.log.levels.WARN)
  end
  vim.cmd.stopinsert()
  vim.api.nvim_buf_set_lines(view.buffer, 0, -1, false, {})
  ask(chat, request)
end

--- Cancel the request that is being answered.
function M.cancel()
  if shown and shown.running and shown.session ~= '' then
    execute(shown, 'starling.cancel', { session = shown.session }, function() end)
  end
end

-- Choices

--- Change between planning, in which agents only read, and acting.
function M.toggle_mode()
  shown.mode = shown.mode == 'plan' and 'act' or 'plan'
  update_bar(shown)
end

--- Choose who answers.
function M.choose_role()
  local chat = assert(shown)
  execute(chat, 'starling.roles', {}, function(result)
    local roles = vim.list_extend({ { name = '', title = ANY_ROLE, description = 'The server chooses.' } }, result.roles)
    vim.ui.select(roles, {
      prompt = 'Role:',
      format_item = function(role)
        return ('%s: %s'):format(role.name ~= '' and role.name or role.title, role.description)
      end,
    }, function(role)
      if role then
        chat.role = role.name
        update_bar(chat)
      end
    end)
  end)
end

--- Show an earlier session, with its history.
---@param session table as `starling.sessions` lists it
local function open_session(session)
  local chat = create_chat(shown and shown.origin or 0)
  execute(chat, 'starling.session', { session = session.id, limit = 10000 }, function(result)
    chat.session, chat.title, chat.role, chat.steps = session.id, session.title, session.role, result.plan
    transcript.add_history(chat.buffer, result.history)
    show(chat)
  end)
end

--- Choose a session of the workspace, or a new one.
function M.choose_session()
  local chat = assert(shown)
  execute(chat, 'starling.sessions', {}, function(result)
    local sessions = vim.list_extend({ { id = '', title = 'New session' } }, result.sessions)
    vim.ui.select(sessions, {
      prompt = 'Session:',
      format_item = function(one)
        return one.id == '' and one.title or ('%s  %s (%s)'):format(os.date('%Y-%m-%d %H:%M', one.changed), one.title, one.state)
      end,
    }, function(one)
      if one and one.id == '' then
        show(create_chat(chat.origin))
      elseif one then
        open_session(one)
      end
    end)
  end)
end

--- Ask for a new title of the session.
function M.rename()
  local chat = assert(shown)
  vim.ui.input({ prompt = 'Title: ', default = chat.title }, function(title)
    if title and vim.trim(title) ~= '' and chat.session ~= '' then
      execute(chat, 'starling.session', { session = chat.session, action = 'rename', title = title }, function(result)
        chat.title = result.session.title
        update_bar(chat)
      end)
    end
  end)
end

--- Delete the session with its history, after a question.
function M.delete()
  local chat = assert(shown)
  if chat.session == '' then
    return
  end
  coroutine.wrap(function()
    local lines = { ('The session "%s" and its history are deleted for ever.'):format(chat.title) }
    if question.ask('Delete the session?', lines, 'text', question.create_choices({ 'Delete', 'Keep' })) == 'Delete' then
      execute(chat, 'starling.session', { session = chat.session, action = 'delete' }, function()
        show(create_chat(chat.origin))
      end)
    end
  end)()
end

--- Record a thumb for the answer at the cursor; it stays on this machine.
---@param thumb 'up'|'down'
function M.rate(thumb)
  local chat = assert(shown)
  local entry, mark = transcript.find_answer(chat.buffer, vim.api.nvim_win_get_cursor(view.output)[1] - 1)
  if entry and chat.session ~= '' then
    execute(chat, 'starling.feedback', { session = chat.session, entry = entry, thumb = thumb }, function()
      transcript.show_thumb(chat.buffer, mark, thumb)
    end)
  end
end

-- The command

--- The keys in both parts.
local KEYS = {
  { '<C-c>', 'cancel the request', function() M.cancel() end },
  { 'gm', 'change between plan and act', function() M.toggle_mode() end },
  { 'gr', 'choose a role', function() M.choose_role() end },
  { 'gs', 'choose a session', function() M.choose_session() end },
  { 'gR', 'rename the session', function() M.rename() end },
  { 'gX', 'delete the session', function() M.delete() end },
  { '+', 'like the answer at the cursor', function() M.rate('up') end },
  { '-', 'dislike the answer at the cursor', function() M.rate('down') end },
  { 'q', 'close the chat', function() M.close() end },
}

--- Map the keys of the chat in one of its buffers.
---@param buffer integer
function M.map_keys(buffer)
  for _, key in ipairs(KEYS) do
    vim.keymap.set('n', key[1], key[3], { buffer = buffer, nowait = true, desc = 'Starling: ' .. key[2] })
  end
  vim.keymap.set('i', '<C-c>', M.cancel, { buffer = buffer, desc = 'Starling: cancel the request' })
  vim.keymap.set('n', 'g?', function()
    server.notify(table.concat(vim.tbl_map(function(key)
      return key[1] .. ': ' .. key[2]
    end, KEYS), '\n'))
  end, { buffer = buffer, desc = 'Starling: list the keys of the chat' })
end

--- Close both windows; the conversation stays, and so does a request that is being answered.
function M.close()
  for _, window in ipairs(view and { view.input, view.output } or {}) do
    pcall(vim.api.nvim_win_close, window, true)
  end
end

--- Open the chat, with the cursor in its input; send `request` unless it is ''.
---@param request string
function M.open(request)
  local origin = vim.api.nvim_get_current_buf()
  if not server.get_client() then
    return server.notify(server.NOT_RUNNING, vim.log.levels.WARN)
  end
  if not is_open() then
    M.close()
    open_windows()
    local kept = shown and vim.api.nvim_buf_is_valid(shown.buffer) and shown
    show(kept or create_chat(origin))
  end
  vim.api.nvim_set_current_win(view.input)
  if request ~= '' then
    vim.api.nvim_buf_set_lines(view.buffer, 0, -1, false, vim.split(request, '\n'))
    M.send()
  end
end

return M
