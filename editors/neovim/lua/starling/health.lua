-- `:checkhealth starling`: checks each part, and says what to do if it does not work. Changes nothing.

local server = require('starling.server')

local M = {}

local WAIT_MS = 40000 -- the server answers only after its start

--- Report whether the server's program can be started.
---@return boolean
local function check_program()
  local cmd = vim.lsp.config[server.name] and vim.lsp.config[server.name].cmd
  if not cmd then
    vim.health.error('lsp/starling.lua cannot be found.', "Put Starling's folder editors/neovim on 'runtimepath'.")
    return false
  elseif type(cmd) ~= 'table' then
    vim.health.info('The server is started by a function of your own.')
    return true
  elseif vim.fn.executable(cmd[1]) == 0 then
    vim.health.error(("There is no program '%s'."):format(cmd[1]), {
      'Install Starling, so that its program is on the PATH,',
      "or name it: vim.lsp.config('starling', { cmd = { '/path/to/starling', 'serve' } })",
    })
    return false
  end
  local result = vim.system({ cmd[1], '--version' }, { text = true }):wait(20000)
  if result.code == 0 then
    vim.health.ok(('%s at %s'):format(vim.trim(result.stdout), vim.fn.exepath(cmd[1])))
  else
    vim.health.error(("'%s --version' fails."):format(cmd[1]), vim.trim(result.stderr or ''))
  end
  return result.code == 0
end

local function check_editor()
  if vim.lsp.inline_completion then
    vim.health.ok("Neovim's own ghost text shows suggestions.")
  else
    vim.health.ok('Suggestions are shown by Starling; this Neovim has no ghost text of its own.')
  end
  local suggestions = require('starling.suggestions')
  for name, key in vim.spairs(suggestions.get_keys()) do
    local mode = suggestions.get_mode(name)
    local map = key and vim.fn.maparg(key, mode, false, true) or {}
    if key and next(map) and suggestions.is_mapped(key, mode) and not vim.startswith(map.desc or '', 'Starling') then
      vim.health.info(("%s is mapped already, so Starling does not map it. Your mapping can call require('starling').%s."):format(key, name))
    end
  end
end

local function check_server()
  local client = server.get_client()
  if not client then
    if not server.is_enabled() then
      vim.health.warn('Starling is not enabled.', "vim.lsp.enable('starling')")
    else
      vim.health.info('No buffer uses the server. Open a file.')
    end
    return
  end
  local reply = client:request_sync('workspace/executeCommand', { command = 'starling.health', arguments = {} }, WAIT_MS)
  if not reply or reply.err then
    local why = reply and reply.err and reply.err.message or 'no answer'
    vim.health.error('The server does not answer: ' .. why, 'Run `:Starling restart`. `starling doctor` names the log file.')
    return
  end
  for _, check in ipairs(reply.result.checks) do
    local report = check.ok and vim.health.ok or vim.health.warn
    report(('%s: %s'):format(check.part, check.message))
  end
end

function M.check()
  vim.health.start('Starling: the program')
  local can_start = check_program()
  if can_start then
    vim.health.start('Starling: the server on another machine')
    require('starling.remote').check()
  end
  vim.health.start('Starling: this editor')
  check_editor()
  if can_start then
    vim.health.start('Starling: the server')
    check_server()
  end
end

return M
