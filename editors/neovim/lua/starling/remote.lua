-- A server with accounts on another machine, which the installed program connects to: the command line for it, logins.
-- `vim.g.starling.server` names it; `:help starling-remote` documents that.

local M = {}

local LOGIN_MS = 60000 -- for the server to answer

local has_told = false -- that the connection has ended

---@class starling.Server
---@field url string `wss://HOST:PORT`
---@field login string `https://HOST:PORT`, where a person logs in
---@field certificates? string a PEM file to trust
---@field folders? table<string, string> folders here, and the same ones on the server
---@field program? string the program `starling`

--- Return the server that a person has named; nil for none.
---@return starling.Server?
function M.get_server()
  local server = (vim.g.starling or {}).server
  return type(server) == 'table' and server.url and server or nil
end

--- Return the program, and the options that trust the server's certificates.
---@param server starling.Server
---@return string, string[]
local function get_program(server)
  local trust = server.certificates and { '--ca=' .. vim.fs.normalize(server.certificates) } or {}
  return server.program and vim.fs.normalize(server.program) or 'starling', trust
end

--- Return the command line that starts the server here, or connects to the one that a person has named.
---@return string[]
function M.build_command()
  local server = M.get_server()
  if not server then
    return { 'starling', 'serve' }
  end
  local program, trust = get_program(server)
  local command = vim.list_extend({ program, 'connect', server.url, '--login=' .. (server.login or '') }, trust)
  for here, there in vim.spairs(server.folders or {}) do
    table.insert(command, ('--map=%s=%s'):format(vim.fs.normalize(here), there))
  end
  return command
end

--- Run `starling login` with `options` and `input`, and pass whether it succeeded and its last message to `done`.
---@param server starling.Server
---@param options string[]
---@param input string
---@param done fun(succeeded: boolean, message: string)
local function run_login(server, options, input, done)
  local program, trust = get_program(server)
  local command = vim.list_extend(vim.list_extend({ program, 'login', server.login or '' }, trust), options)
  local environment = require('starling.server').create_environment()
  local started, problem = pcall(vim.system, command, { stdin = input, text = true, env = environment, timeout = LOGIN_MS }, vim.schedule_wrap(function(result)
    local lines = vim.split(vim.trim(result.stderr or ''), '\n')
    local message = lines[#lines]:gsub('^starling: ', '')
    done(result.code == 0, message ~= '' and message or 'there was no answer.')
  end))
  if not started then
    done(false, tostring(problem))
  end
end

--- Return the server that a person has named; nil for none, which a message says.
---@return starling.Server?
local function require_server()
  local server = M.get_server()
  if not server then
    require('starling.server').notify('no server is named in vim.g.starling.server; see :help starling-remote.', vim.log.levels.WARN)
  end
  return server
end

--- Ask for name and password, log in, and connect again. Both go over the program's standard input. Nothing happens if a
--- person leaves one empty.
function M.log_in()
  local server = require_server()
  if not server then
    return
  end
  local name = vim.fn.input({ prompt = 'Login name: ', cancelreturn = '' })
  local password = name ~= '' and vim.fn.inputsecret(('Password of %s: '):format(name)) or ''
  vim.cmd.redraw()
  if password == '' then
    return
  end
  run_login(server, {}, name .. '\n' .. password .. '\n', function(succeeded, message)
    require('starling.server').notify(message, succeeded and vim.log.levels.INFO or vim.log.levels.ERROR)
    if succeeded then
      has_told = false
      require('starling.commands').own.restart()
    end
  end)
end

--- Log out, here and at the server, and end the connection.
function M.log_out()
  local server = require_server()
  if not server then
    return
  end
  run_login(server, { '--remove' }, '', function(succeeded, message)
    require('starling.server').notify(message, succeeded and vim.log.levels.INFO or vim.log.levels.ERROR)
    has_told = true
    for _, client in ipairs(vim.lsp.get_clients({ name = require('starling.server').name })) do
      client:stop()
    end
  end)
end

--- Say once that the connection has ended, if there is a server that a person has named.
---@param code integer the exit status of the program
function M.report_end(code)
  local server = M.get_server()
  if code ~= 0 and server and not has_told and vim.v.exiting == vim.NIL then
    has_told = true
    local message = 'there is no connection to %s. `:Starling login` logs in; `:checkhealth starling` says what is wrong.'
    require('starling.server').notify(message:format(server.url), vim.log.levels.WARN)
  end
end

--- Report the named server and the login there, for `:checkhealth starling`.
function M.check()
  local server = M.get_server()
  if not server then
    vim.health.info('The server runs on this machine.')
    return
  end
  vim.health.info('The server is ' .. server.url .. '.')
  local ended, message
  run_login(server, { '--token' }, '', function(succeeded, said)
    ended, message = true, not succeeded and said or nil
  end)
  vim.wait(LOGIN_MS, function()
    return ended
  end)
  if message then
    vim.health.error(message, 'Run `:Starling login`.')
  else
    vim.health.ok(('You are logged in at %s.'):format(server.login))
  end
end

return M
