-- `:Starling`: the server's commands for a person, with completion and prompts. The table of them is commands.json;
-- this reads it, collects arguments, and shows what comes back.

local answers = require('starling.answers')
local server = require('starling.server')

local M = {}

local STOP_MS = 5000 -- for a server to end by itself

---@class starling.Command
---@field name string
---@field command string
---@field about 'place'|'document'|'finding'|'nothing'
---@field shows 'words'|'outcome'|'report'|'places'
---@field what string
---@field words? { field: string, prompt: string, needed?: boolean }
---@field choice? { field: string, prompt: string, of: string[] }
---@field flags? table<string, table>
---@field report? table

local file = vim.api.nvim_get_runtime_file('lua/starling/commands.json', false)[1]
---@type starling.Command[]
M.table = vim.json.decode(table.concat(vim.fn.readfile(file), '\n'))

--- What needs no server's command.
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
      client:stop() -- which Neovim 0.11 leaves to us
    end
    local asked = vim.uv.now()
    local function start()
      local gone = #vim.lsp.get_clients({ name = server.name }) == 0
      if not gone and vim.uv.now() - asked < STOP_MS then
        return vim.defer_fn(start, 50)
      end
      for _, client in ipairs(clients) do
        client:stop(true)
      end
      vim.lsp.enable(server.name)
    end
    start()
  end,
}

---@param name string
---@return starling.Command?
local function named(name)
  return vim.iter(M.table):find(function(one)
    return one.name == name
  end)
end

-- Arguments

--- What is selected, else the cursor, as LSP counts it.
---@param call vim.api.keyset.create_user_command.command_args
---@param encoding string
local function range_of(call, encoding)
  if call.range == 0 then
    local position = vim.lsp.util.make_position_params(0, encoding).position
    return { start = position, ['end'] = position }
  end
  local last = vim.api.nvim_buf_get_lines(0, call.line2 - 1, call.line2, false)[1] or ''
  local character = vim.str_utfindex(last, encoding)
  return { start = { line = call.line1 - 1, character = 0 }, ['end'] = { line = call.line2 - 1, character = character } }
end

--- The finding at the cursor: the nearest on its line.
---@param encoding string
---@return table? arguments
local function finding(encoding)
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
  local function character(text, byte)
    return vim.str_utfindex(text, encoding, math.min(byte, #text), false)
  end
  return {
    code = tostring(found[1].code),
    range = {
      start = { line = found[1].lnum, character = character(line, found[1].col) },
      ['end'] = { line = found[1].end_lnum, character = character(last, found[1].end_col) },
    },
  }
end

---@param one starling.Command
---@param call vim.api.keyset.create_user_command.command_args
---@param encoding string
---@return table? arguments
local function about(one, call, encoding)
  local arguments = {}
  if one.about ~= 'nothing' then
    arguments.uri = vim.uri_from_bufnr(0)
  end
  if one.about == 'place' then
    arguments.range = range_of(call, encoding)
  elseif one.about == 'finding' then
    local found = finding(encoding)
    if not found then
      server.say('there is no finding of Starling on this line.', vim.log.levels.WARN)
      return nil
    end
    arguments = vim.tbl_extend('force', arguments, found)
  end
  return arguments
end

--- Fill in what is said behind the command's name, or ask for it.
---@param one starling.Command
---@param words string[]
---@param arguments table
---@param go_on fun()
local function fill(one, words, arguments, go_on)
  local flag = one.flags and one.flags[words[1]]
  if flag then
    for name, value in pairs(flag) do
      arguments[name] = value ~= vim.NIL and value or nil
    end
    return go_on()
  end
  local given = table.concat(words, ' ')
  local wants = one.words or one.choice
  if not wants then
    if given ~= '' then
      return server.say((':Starling %s takes nothing, or one of: %s'):format(
        one.name, table.concat(vim.tbl_keys(one.flags or {}), ', ')), vim.log.levels.WARN)
    end
    return go_on()
  end
  local function take(text)
    if text and not (text == '' and (one.choice or one.words.needed)) then
      arguments[wants.field] = text
      go_on()
    end
  end
  if given ~= '' then
    take(given)
  elseif one.choice then
    vim.ui.select(one.choice.of, { prompt = one.choice.prompt }, take)
  else
    vim.ui.input({ prompt = one.words.prompt }, take)
  end
end

-- Results

---@type table<string, fun(one: starling.Command, arguments: table, options: table)>
local show = {}

function show.words(one, arguments, options)
  local buffer = answers.open(one.name)
  arguments.partial_token = answers.stream(function(text)
    answers.append(buffer, text)
  end)
  server.execute(one.command, arguments, function(result, problem)
    answers.done(arguments.partial_token)
    if result then
      answers.replace(buffer, result.text)
    else
      answers.replace(buffer, '> ' .. problem)
      server.say(problem, vim.log.levels.ERROR)
    end
  end, options)
end

function show.outcome(one, arguments, options)
  server.execute(one.command, arguments, function(result, problem)
    if not result then
      return server.say(problem, vim.log.levels.ERROR)
    end
    if one.report then
      answers.replace(answers.open(one.name), answers.markdown('Starling ' .. one.name, result, one.report))
    end
    local said = { result.outcome }
    if type(result.reason) == 'string' then
      table.insert(said, result.reason)
    end
    if #(result.unsaved or {}) > 0 then
      table.insert(said, 'not saved yet: ' .. table.concat(result.unsaved, ', '))
    end
    server.say(table.concat(said, '; '))
  end, options)
end

function show.report(one, arguments, options)
  server.execute(one.command, arguments, function(result, problem)
    if not result then
      return server.say(problem, vim.log.levels.ERROR)
    end
    answers.replace(answers.open(one.name), answers.markdown('Starling ' .. one.name, result, one.report))
  end, options)
end

function show.places(one, arguments, options)
  server.execute(one.command, arguments, function(result, problem)
    if not result then
      return server.say(problem, vim.log.levels.ERROR)
    elseif #result.hits == 0 then
      return server.say('nothing found.')
    end
    local items = vim.tbl_map(function(hit)
      local text = hit.name ~= '' and hit.name or vim.trim(vim.split(hit.text, '\n')[1])
      return { filename = hit.path, lnum = hit.first_line + 1, text = text }
    end, result.hits)
    vim.fn.setqflist({}, ' ', { title = 'Starling: ' .. arguments.query, items = items })
    vim.cmd.copen()
  end, options)
end

-- The command

---@param call vim.api.keyset.create_user_command.command_args
function M.run(call)
  local words = call.fargs
  local name = table.remove(words, 1) or 'status'
  if M.own[name] then
    return M.own[name]()
  end
  local one = named(name)
  if not one then
    return server.say(("there is no :Starling %s; press <Tab> behind :Starling to see what there is."):format(name), vim.log.levels.WARN)
  end
  local client = server.client()
  if not client then
    return server.say('it does not run here; `:checkhealth starling` says why.', vim.log.levels.WARN)
  end
  local arguments = about(one, call, client.offset_encoding)
  if arguments then
    local options = { bufnr = vim.lsp.buf_is_attached(0, client.id) and vim.api.nvim_get_current_buf() or nil }
    fill(one, words, arguments, function()
      show[one.shows](one, arguments, options)
    end)
  end
end

---@param lead string
---@param line string
---@return string[]
function M.complete(lead, line)
  local words = vim.split(line:gsub('^.-Starling!?%s+', '', 1), '%s+')
  local offered
  if #words <= 1 then
    offered = vim.list_extend(vim.tbl_keys(M.own), vim.tbl_map(function(one)
      return one.name
    end, M.table))
  elseif #words == 2 then
    local one = named(words[1])
    offered = one and (one.choice and one.choice.of or vim.tbl_keys(one.flags or {})) or {}
  end
  local found = vim.tbl_filter(function(name)
    return vim.startswith(name, lead)
  end, offered or {})
  table.sort(found)
  return found
end

return M
