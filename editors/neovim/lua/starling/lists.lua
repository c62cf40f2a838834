-- The lists of queued tasks, of workers' questions and of memories: one Markdown table each, whose keys act on the record
-- of the cursor's line. Open lists are read again when the server says that another process has changed them.
-- Start at `open`.

local answers = require('starling.answers')
local server = require('starling.server')

local M = {}

--- The commands that a change concerns, by the fields of `starling/changed`.
local COMMANDS = {
  tasks = 'starling.tasks',
  questions = 'starling.questions',
  memory = 'starling.memory',
}
local SHORT = 8 -- first characters of an id that are shown

---@class starling.List
---@field one starling.Command
---@field rows table<integer, table> the record of each line
---@field client integer id of the client whose workspace is listed

---@type table<integer, starling.List> by buffer
local lists = {}
---@type table<string, boolean> ids of the questions that the person was told about
local told = {}

--- Run a command of the server that a list is from, or of any if that has ended.
---@param buffer integer
---@param command string
---@param arguments table
---@param done fun(result?: table, problem?: string)
local function execute(buffer, command, arguments, done)
  local client = lists[buffer] and vim.lsp.get_client_by_id(lists[buffer].client)
  server.execute(command, arguments, done, { client = client })
end

-- The text

--- Return a record as it is shown: ids are cut.
---@param record table
---@return table
local function shorten(record)
  local shown = vim.deepcopy(record)
  for _, name in ipairs({ 'id', 'request' }) do
    shown[name] = shown[name] and shown[name]:sub(1, SHORT)
  end
  return shown
end

--- Replace the text of a list by `result`; the cursor stays on its line.
---@param buffer integer
---@param result table
local function fill(buffer, result)
  local list = lists[buffer]
  if not list or not vim.api.nvim_buf_is_valid(buffer) then
    return
  end
  local name = list.one.report.order[1]
  local shown = vim.tbl_extend('force', result, { [name] = vim.tbl_map(shorten, result[name]) })
  local text = answers.format_report('Starling ' .. list.one.name, shown, list.one.report)
  local cursors = {}
  for _, window in ipairs(vim.fn.win_findbuf(buffer)) do
    cursors[window] = vim.api.nvim_win_get_cursor(window)
  end
  answers.replace(buffer, text .. '\n\n`g?` lists the keys.')
  list.rows = {}
  local lines = vim.split(text, '\n')
  local before = #lines - #result[name]
  for index, record in ipairs(result[name]) do
    list.rows[before + index] = record
  end
  local last = vim.api.nvim_buf_line_count(buffer)
  for window, cursor in pairs(cursors) do
    vim.api.nvim_win_set_cursor(window, { math.min(cursor[1], last), cursor[2] })
  end
end

--- Read a list again.
---@param buffer integer
local function refresh(buffer)
  execute(buffer, lists[buffer].one.command, {}, function(result, problem)
    if result then
      fill(buffer, result)
    else
      server.notify(problem, vim.log.levels.ERROR)
    end
  end)
end

--- Return the record on the cursor's line; nil if there is none, which a message says.
---@param buffer integer
---@return table?
local function get_record(buffer)
  local record = lists[buffer].rows[vim.api.nvim_win_get_cursor(0)[1]]
  if not record then
    server.notify('nothing is listed on this line. Put the cursor on a row of the table.', vim.log.levels.WARN)
  end
  return record
end

--- Return a function that takes the answer to a command: says what went wrong, or calls `done` and reads the list again.
---@param buffer integer
---@param done? fun(result: table)
---@return fun(result?: table, problem?: string)
local function take_result(buffer, done)
  return function(result, problem)
    if not result then
      server.notify(problem, vim.log.levels.ERROR)
    elseif done then
      done(result)
    end
    if lists[buffer] then
      refresh(buffer)
    end
  end
end

--- Ask whether to do something that cannot be taken back, and call `done` after a yes.
---@param question string
---@param yes string
---@param done fun()
local function confirm(question, yes, done)
  vim.ui.select({ 'No', yes }, { prompt = question }, function(chosen)
    if chosen == yes then
      done()
    end
  end)
end

--- Show a text in a buffer of its own.
---@param name string
---@param text string
local function show_text(name, text)
  answers.replace(answers.open(name), text)
end

-- Tasks

--- Return a function for a key: it runs an action of `starling.tasks` about the task on the cursor's line.
---@param action string
---@param question? string asked first; what follows cannot be taken back
---@param done? fun(result: table, task: table)
---@return fun(buffer: integer)
local function run_action(action, question, done)
  return function(buffer)
    local task = get_record(buffer)
    if not task then
      return
    end
    local function run()
      execute(buffer, 'starling.tasks', { action = action, task = task.id }, take_result(buffer, function(result)
        if result.note ~= '' then
          server.notify(result.note)
        end
        if done then
          done(result, task)
        end
      end))
    end
    if question then
      return confirm(question:format(task.title), vim.fn.toupper(action:sub(1, 1)) .. action:sub(2), run)
    end
    run()
  end
end

--- Say how a merge ended.
---@param result table
local function report_merge(result)
  local outcome = result.outcome
  if type(outcome) == 'table' then
    server.notify(outcome.outcome .. (type(outcome.reason) == 'string' and '; ' .. outcome.reason or ''))
  end
end

--- Show a task with everything that is known of it.
---@param result table
---@param task table
local function show_task(result, task)
  local facts = result.tasks[1]
  local lines = { '# ' .. facts.title:gsub('%s+', ' '), '' }
  for _, name in ipairs({ 'id', 'status', 'priority', 'role', 'workflow', 'attempts', 'worker', 'branch' }) do
    if facts[name] ~= '' then
      table.insert(lines, ('- %s: %s'):format(name, facts[name]))
    end
  end
  for _, text in ipairs({ result.details, facts.result }) do
    if text ~= '' then
      vim.list_extend(lines, { '', text })
    end
  end
  show_text('task-' .. task.id:sub(1, SHORT), table.concat(lines, '\n'))
end

--- The prompts for a new task, in their order, and the fields of `starling.tasks` that they fill.
local PROMPTS = {
  { field = 'title', prompt = 'What is to be done? ', needed = true },
  { field = 'role', prompt = 'Role (empty: it is chosen for you): ' },
  { field = 'priority', prompt = 'Priority:', of = { 'medium', 'high', 'low' } },
  { field = 'deadline', prompt = 'Deadline (30m, 2h, 3d; empty: none): ' },
}

--- Ask for the fields of a new task from the prompt `index` on, then queue it; a cancelled prompt queues nothing.
---@param buffer integer
---@param index integer
---@param task table
local function ask_for_task(buffer, index, task)
  local prompt = PROMPTS[index]
  if not prompt then
    return execute(buffer, 'starling.tasks', task, take_result(buffer))
  end
  local function take_text(text)
    local given = text and vim.trim(text)
    if given and not (prompt.needed and given == '') then
      task[prompt.field] = given
      ask_for_task(buffer, index + 1, task)
    end
  end
  if prompt.of then
    vim.ui.select(prompt.of, { prompt = prompt.prompt }, take_text)
  else
    vim.ui.input({ prompt = prompt.prompt }, take_text)
  end
end

--- Ask for a new task, and queue it.
---@param buffer integer
local function add_task(buffer)
  ask_for_task(buffer, 1, { action = 'add' })
end

-- Questions

--- Return what to tell the person after an answer.
---@param question table
---@param answer string "" if an agent's question was closed
---@return string
local function describe_answer(question, answer)
  if question.tool == 'ask_person' then
    return answer == '' and 'the question still waits.' or 'the worker has your answer.'
  end
  return answer == 'yes' and 'the worker goes on.' or 'the worker is told no.'
end

--- Have the server ask the question on the cursor's line here, and pass the answer on.
---@param buffer integer
local function answer_question(buffer)
  local record = get_record(buffer)
  if record then
    execute(buffer, 'starling.questions', { action = 'ask', request = record.request }, take_result(buffer, function(result)
      server.notify(describe_answer(record, result.answer))
    end))
  end
end

-- Memories

--- Return the arguments that name a memory.
---@param action string
---@param memory table
local function name_memory(action, memory)
  return { action = action, workspace = memory.workspace, agent = memory.agent, key = memory.key }
end

--- Open the text of a memory in a buffer; writing the buffer stores it.
---@param buffer integer the list
---@param memory table
local function edit_memory(buffer, memory)
  local text = vim.api.nvim_create_buf(true, false)
  vim.api.nvim_buf_set_name(text, ('starling-memory://%d/%s'):format(text, memory.key))
  vim.bo[text].buftype, vim.bo[text].bufhidden, vim.bo[text].swapfile = 'acwrite', 'wipe', false
  vim.api.nvim_buf_set_lines(text, 0, -1, false, vim.split(memory.text, '\n'))
  vim.bo[text].modified = false
  vim.api.nvim_create_autocmd('BufWriteCmd', {
    buffer = text,
    callback = function()
      local lines = vim.api.nvim_buf_get_lines(text, 0, -1, false)
      local arguments = vim.tbl_extend('force', name_memory('edit', memory), { text = table.concat(lines, '\n') })
      execute(buffer, 'starling.memory', arguments, take_result(buffer, function()
        if vim.api.nvim_buf_is_valid(text) then
          vim.bo[text].modified = false
        end
        server.notify('agents remember ' .. memory.key .. '.')
      end))
    end,
  })
  vim.cmd.split()
  vim.api.nvim_win_set_buf(0, text)
end

--- Ask for the name of a new memory, and open its text.
---@param buffer integer
local function add_memory(buffer)
  vim.ui.input({ prompt = 'Name of what is to be remembered: ' }, function(key)
    if key and vim.trim(key) ~= '' then
      edit_memory(buffer, { agent = '', key = vim.trim(key), text = '' })
    end
  end)
end

--- Delete the memory on the cursor's line, after a question.
---@param buffer integer
local function delete_memory(buffer)
  local memory = get_record(buffer)
  if memory then
    confirm(('Delete %s? It cannot be restored.'):format(memory.key), 'Delete', function()
      execute(buffer, 'starling.memory', name_memory('delete', memory), take_result(buffer))
    end)
  end
end

--- Show everything that is remembered as JSON in a new buffer, which the person may save.
---@param buffer integer
local function export_memory(buffer)
  execute(buffer, 'starling.memory', { action = 'export' }, take_result(buffer, function(result)
    vim.cmd.new()
    vim.api.nvim_buf_set_lines(0, 0, -1, false, vim.split(result.text, '\n'))
    vim.bo.filetype = 'json'
  end))
end

-- Keys

---@class starling.ListKey
---@field key string
---@field what string
---@field run fun(buffer: integer)

---@type table<string, starling.ListKey[]>
local KEYS = {
  tasks = {
    { key = '<CR>', what = 'show the task with its result', run = run_action('show', nil, show_task) },
    { key = 'gl', what = 'show what agents did for it', run = run_action('log', nil, function(result, task)
      show_text('log-' .. task.id:sub(1, SHORT), result.log)
    end) },
    { key = 'a', what = 'add a task', run = add_task },
    { key = 'm', what = 'merge its branch: its changes are proposed to you', run = run_action('merge', nil, report_merge) },
    { key = 'p', what = 'pause it until it is retried', run = run_action('pause') },
    { key = 'r', what = 'retry it: queue it again', run = run_action('retry') },
    { key = 'c', what = 'cancel it; its branch is deleted', run = run_action('cancel', 'Cancel “%s”? Its branch is deleted.') },
    { key = 'dd', what = 'drop its branch', run = run_action('drop', 'Delete the branch of “%s”, with all changes on it?') },
    { key = '?', what = 'list the questions of workers', run = function() vim.cmd.Starling('questions') end },
  },
  questions = {
    { key = 'a', what = 'answer the question: it is shown as any other', run = answer_question },
    { key = '<CR>', what = 'answer it as well', run = answer_question },
  },
  memory = {
    { key = '<CR>', what = 'open the text; `:w` stores it as your own words', run = function(buffer)
      local memory = get_record(buffer)
      if memory then
        edit_memory(buffer, memory)
      end
    end },
    { key = 'a', what = 'add a memory for this workspace', run = add_memory },
    { key = 'dd', what = 'delete it for ever', run = delete_memory },
    { key = 'x', what = 'export everything as JSON', run = export_memory },
  },
}

--- Map the keys of a list.
---@param buffer integer
---@param one starling.Command
local function map_keys(buffer, one)
  local keys = vim.list_extend(vim.list_slice(KEYS[one.name]), { { key = 'R', what = 'read the list again', run = refresh } })
  for _, entry in ipairs(keys) do
    vim.keymap.set('n', entry.key, function() entry.run(buffer) end, { buffer = buffer, nowait = true, desc = entry.what })
  end
  vim.keymap.set('n', 'g?', function()
    local lines = vim.tbl_map(function(entry) return ('%-5s %s'):format(entry.key, entry.what) end, keys)
    vim.notify(table.concat(vim.list_extend(lines, { 'q     close the list' }), '\n'))
  end, { buffer = buffer, nowait = true, desc = 'List the keys' })
end

--- Open a list in a window below, and put the cursor on its first row.
---@param result table
---@param one starling.Command
---@param client? vim.lsp.Client
function M.open(result, one, client)
  local buffer = answers.open(one.name)
  lists[buffer] = { one = one, rows = {}, client = client and client.id or 0 }
  vim.api.nvim_create_autocmd('BufWipeout', { buffer = buffer, callback = function() lists[buffer] = nil end })
  fill(buffer, result)
  map_keys(buffer, one)
  local window = vim.fn.win_findbuf(buffer)[1]
  vim.api.nvim_set_current_win(window)
  local first = vim.fn.min(vim.tbl_keys(lists[buffer].rows))
  vim.api.nvim_win_set_cursor(window, { first > 0 and first or vim.api.nvim_buf_line_count(buffer), 0 })
end

-- Changes of other processes

--- Tell the person about each question of a worker that waits, once.
---@param client_id integer
local function announce_questions(client_id)
  server.execute('starling.questions', { action = 'list' }, function(result)
    for _, one in ipairs(result and result.questions or {}) do
      if not told[one.request] then
        told[one.request] = true
        server.notify(('a worker asks: %s. `:Starling questions` answers it.'):format(one.title))
      end
    end
  end, { client = vim.lsp.get_client_by_id(client_id) })
end

--- Handle `starling/changed`: read the open lists that have changed again, and tell the person about new questions.
---@type lsp.Handler
function M.handle_change(_, params, context)
  for buffer, list in pairs(lists) do
    local also = list.one.name == 'tasks' and params.questions -- the list of tasks counts their questions
    for kind, command in pairs(COMMANDS) do
      if list.one.command == command and (params[kind] or also) then
        refresh(buffer)
      end
    end
  end
  if params.questions then
    announce_questions(context.client_id)
  end
end

return M
