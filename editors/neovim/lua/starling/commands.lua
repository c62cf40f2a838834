-- `:Starling`: the server's commands, with completion and prompts. Reads their table, commands.json, collects the
-- arguments of a command, and shows its result.

local answers = require('starling.answers')
local server = require('starling.server')

local M = {}

local STOP_MS = 5000 -- for a server to end by itself; then it is killed

---@class starling.Command
---@field name string
---@field command string
---@field about 'selection'|'document'|'finding'|'nothing'
---@field shows 'words'|'outcome'|'report'|'list'|'locations'
---@field what string
---@field words? { field: string, prompt: string, needed?: boolean }
---@field choice? { field: string, prompt: string, of: string[] }
---@field flags? table<string, table>
---@field report? table
---@field keys? table<string, string> by a key in the report: the command to run about the record on the cursor's line

local file = vim.api.nvim_get_runtime_file('lua/starling/commands.json', false)[1]
---@type starling.Command[]
M.table = vim.json.decode(table.concat(vim.fn.readfile(file), '\n'))

--- The commands of the plugin itself.
---@type table<string, fun()>
M.own = {
  on = function()
    require('starling.suggestions').enable(true)
  end,
  off = function()
    require('starling.suggestions').enable(false)
  end,
  toggle = function()
    local suggestions = require('starling.suggestions')
    suggestions.enable(not suggestions.is_enabled())
  end,
  restart = function()
    local clients = vim.lsp.get_clients({ name = server.name })
    vim.lsp.enable(server.name, false)
    for _, client in ipairs(clients) do
      client:stop() -- Neovim 0.11 does not stop it
    end
    local stopped_at = vim.uv.now()
    local function start_when_stopped()
      local has_ended = #vim.lsp.get_clients({ name = server.name }) == 0
      if not has_ended and vim.uv.now() - stopped_at < STOP_MS then
        return vim.defer_fn(start_when_stopped, 50)
      end
      for _, client in ipairs(clients) do
        client:stop(true)
      end
      vim.lsp.enable(server.name)
    end
    start_when_stopped()
  end,
  login = function()
    require('starling.remote').log_in()
  end,
  logout = function()
    require('starling.remote').log_out()
  end,
}

---@param name string
---@return starling.Command? # nil if there is no such command
local function find_command(name)
  return vim.iter(M.table):find(function(one)
    return one.name == name
  end)
end

-- Arguments

--- Return the lines that the command was given as an LSP range; the position of the cursor if none were given.
---@param call vim.api.keyset.create_user_command.command_args
---@param encoding string
local function get_range(call, encoding)
  if call.range == 0 then
    local position = vim.lsp.util.make_position_params(0, encoding).position
    return { start = position, ['end'] = position }
  end
  local last = vim.api.nvim_buf_get_lines(0, call.line2 - 1, call.line2, false)[1] or ''
  local character = vim.str_utfindex(last, encoding)
  return { start = { line = call.line1 - 1, character = 0 }, ['end'] = { line = call.line2 - 1, character = character } }
end

--- Return the code and the range of the finding that is nearest to the cursor on its line; nil if there is none.
---@param encoding string
---@return table? arguments
local function find_nearest_finding(encoding)
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  local found = vim.tbl_filter(function(one)
    return vim.startswith(one.source or '', 'Starling') and one.code ~= nil
  end, vim.diagnostic.get(0, { lnum = row - 1 }))
  table.sort(found, function(a, b)
    return math.abs(a.col - col) < math.abs(b.col - col)
  end)
  if not found[1] then
    return nil
  end
  local line = vim.api.nvim_buf_get_lines(0, found[1].lnum, found[1].lnum + 1, false)[1]
  local last = vim.api.nvim_buf_get_lines(0, found[1].end_lnum, found[1].end_lnum + 1, false)[1] or ''
  local function count_units(text, byte)
    return vim.str_utfindex(text, encoding, math.min(byte, #text), false)
  end
  return {
    code = tostring(found[1].code),
    range = {
      start = { line = found[1].lnum, character = count_units(line, found[1].col) },
      ['end'] = { line = found[1].end_lnum, character = count_units(last, found[1].end_col) },
    },
  }
end

--- Collect what a command is about: the document, and the selection or the finding.
---@param one starling.Command
---@param call vim.api.keyset.create_user_command.command_args
---@param encoding string
---@return table? arguments # nil if the command needs a finding and there is none; a message says so
local function collect_subject(one, call, encoding)
  local arguments = {}
  if one.about ~= 'nothing' then
    arguments.uri = vim.uri_from_bufnr(0)
  end
  if one.about == 'selection' then
    arguments.range = get_range(call, encoding)
  elseif one.about == 'finding' then
    local found = find_nearest_finding(encoding)
    if not found then
      server.notify('there is no finding of Starling on this line. Put the cursor on one.', vim.log.levels.WARN)
      return nil
    end
    arguments = vim.tbl_extend('force', arguments, found)
  end
  return arguments
end

--- Add the words after the command's name to its arguments, or ask for them, then call `run`.
--- `run` is not called if the words do not fit the command, or if a person cancels the prompt.
---@param one starling.Command
---@param words string[]
---@param arguments table
---@param run fun()
local function add_words(one, words, arguments, run)
  local flag = one.flags and one.flags[words[1]]
  if flag then
    for name, value in pairs(flag) do
      arguments[name] = value ~= vim.NIL and value or nil
    end
    return run()
  end
  local given = table.concat(words, ' ')
  local wants = one.words or one.choice
  if not wants then
    if given ~= '' then
      return server.notify((':Starling %s takes no argument, or one of: %s'):format(
        one.name, table.concat(vim.tbl_keys(one.flags or {}), ', ')), vim.log.levels.WARN)
    end
    return run()
  end
  local function set_text(text)
    if text and not (text == '' and (one.choice or one.words.needed)) then
      arguments[wants.field] = text
      run()
    end
  end
  if given ~= '' then
    set_text(given)
  elseif one.choice then
    vim.ui.select(one.choice.of, { prompt = one.choice.prompt }, set_text)
  else
    vim.ui.input({ prompt = one.words.prompt }, set_text)
  end
end

-- Results

--- Open a report of a result in a buffer.
---@param one starling.Command
---@param result table
local function open_report(one, result)
  local buffer = answers.open(one.name)
  answers.replace(buffer, answers.format_report('Starling ' .. one.name, result, one.report))
  for key, name in pairs(one.keys or {}) do
    vim.keymap.set('n', key, function()
      local id = vim.api.nvim_get_current_line():match('^| (%x+) |')
      if not id then
        return server.notify('nothing is listed on this line. Put the cursor on an id.', vim.log.levels.WARN)
      end
      M.run({ fargs = { name, id }, range = 0 })
    end, { buffer = buffer, nowait = true, desc = (':Starling %s'):format(name) })
  end
end

--- How the results of commands are shown, by the field `shows` of commands.json.
---@type table<string, fun(result: table, one: starling.Command, arguments: table, options: table)>
local show = { report = function(result, one) open_report(one, result) end }

function show.list(result, one, _, options)
  require('starling.lists').open(result, one, server.get_client(options.bufnr))
end

function show.outcome(result, one)
  if one.report then
    open_report(one, result)
  end
  local parts = { result.outcome }
  if type(result.reason) == 'string' then
    table.insert(parts, result.reason)
  end
  if type(result.turn) == 'table' then
    table.insert(parts, result.turn.text)
  end
  if #(result.unsaved or {}) > 0 then
    table.insert(parts, 'not saved yet: ' .. table.concat(result.unsaved, ', '))
  end
  server.notify(table.concat(parts, '; '))
end

function show.locations(result, _, arguments)
  if #result.hits == 0 then
    return server.notify('nothing found.')
  end
  local items = vim.tbl_map(function(hit)
    local text = hit.name ~= '' and hit.name or vim.trim(vim.split(hit.text, '\n')[1])
    return { filename = hit.path, lnum = hit.first_line + 1, text = text }
  end, result.hits)
  vim.fn.setqflist({}, ' ', { title = 'Starling: ' .. arguments.query, items = items })
  vim.cmd.copen()
end

--- Run a command whose answer streams into a buffer.
---@param one starling.Command
---@param arguments table
---@param options table
local function stream_answer(one, arguments, options)
  local buffer = answers.open(one.name)
  arguments.partial_token = answers.start_stream(function(text)
    answers.append(buffer, text)
  end)
  server.execute(one.command, arguments, function(result, problem)
    answers.end_stream(arguments.partial_token)
    if result then
      answers.replace(buffer, result.text)
    else
      answers.replace(buffer, '> ' .. problem)
      server.notify(problem, vim.log.levels.ERROR)
    end
  end, options)
end

--- Run a command, and show its result or the error message.
---@param one starling.Command
---@param arguments table
---@param options table
local function run_and_show(one, arguments, options)
  if one.shows == 'words' then
    return stream_answer(one, arguments, options)
  end
  server.execute(one.command, arguments, function(result, problem)
    if not result then
      return server.notify(problem, vim.log.levels.ERROR)
    end
    show[one.shows](result, one, arguments, options)
  end, options)
end

-- The command

--- Run `:Starling NAME words`; without a name, `:Starling status`.
---@param call vim.api.keyset.create_user_command.command_args
function M.run(call)
  local words = call.fargs
  local name = table.remove(words, 1) or 'status'
  if M.own[name] then
    return M.own[name]()
  end
  local one = find_command(name)
  if not one then
    return server.notify(("there is no :Starling %s; press <Tab> after :Starling to list the commands."):format(name), vim.log.levels.WARN)
  end
  local client = server.get_client()
  if not client then
    return server.notify(server.NOT_RUNNING, vim.log.levels.WARN)
  end
  local arguments = collect_subject(one, call, client.offset_encoding)
  if arguments then
    local options = { bufnr = vim.lsp.buf_is_attached(0, client.id) and vim.api.nvim_get_current_buf() or nil }
    add_words(one, words, arguments, function()
      run_and_show(one, arguments, options)
    end)
  end
end

--- Return the names of commands, or the words of a command, that begin with `lead`.
---@param lead string
---@param line string the whole command line
---@return string[]
function M.complete(lead, line)
  local words = vim.split(line:gsub('^.-Starling!?%s+', '', 1), '%s+')
  local candidates
  if #words <= 1 then
    candidates = vim.list_extend(vim.tbl_keys(M.own), vim.tbl_map(function(one)
      return one.name
    end, M.table))
  elseif #words == 2 then
    local one = find_command(words[1])
    candidates = one and (one.choice and one.choice.of or vim.tbl_keys(one.flags or {})) or {}
  end
  local found = vim.tbl_filter(function(name)
    return vim.startswith(name, lead)
  end, candidates or {})
  table.sort(found)
  return found
end

return M
