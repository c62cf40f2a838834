-- `:checkhealth starling`: each part, and what to do where one does not work. Changes nothing.

local server = require('starling.server')

local M = {}

local WAIT_MS = 40000 -- the server waits for its start

local function check_program()
  local cmd = vim.lsp.config[server.name] and vim.lsp.config[server.name].cmd
  if not cmd then
    vim.health.error('lsp/starling.lua is not found.', "Put Starling's folder editors/neovim on 'runtimepath'.")
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
  local done = vim.system({ cmd[1], '--version' }, { text = true }):wait(20000)
  if done.code == 0 then
    vim.health.ok(('%s at %s'):format(vim.trim(done.stdout), vim.fn.exepath(cmd[1])))
  else
    vim.health.error(("'%s --version' fails."):format(cmd[1]), vim.trim(done.stderr or ''))
  end
  return done.code == 0
end

local function check_editor()
  if vim.lsp.inline_completion then
    vim.health.ok("Neovim's own ghost text shows suggestions.")
  else
    vim.health.ok('Suggestions are shown by Starling; this Neovim has no ghost text of its own.')
  end
  local suggestions = require('starling.suggestions')
  for name, key in vim.spairs(suggestions.keys()) do
    local map = key and vim.fn.maparg(key, 'i', false, true) or {}
    if key and next(map) and suggestions.is_taken(key) and not vim.startswith(map.desc or '', 'Starling') then
      vim.health.info(("%s is yours, so Starling leaves it alone; require('starling').%s can be called from it."):format(key, name))
    end
  end
end

local function check_server()
  local client = server.client()
  if not client then
    if not server.is_enabled() then
      vim.health.warn('It is not enabled.', "vim.lsp.enable('starling')")
    else
      vim.health.info('It serves no buffer; open a file.')
    end
    return
  end
  local told = client:request_sync('workspace/executeCommand', { command = 'starling.health', arguments = {} }, WAIT_MS)
  if not told or told.err then
    local why = told and told.err and told.err.message or 'no answer'
    vim.health.error('It does not answer: ' .. why, '`:Starling restart`; its log is named by `starling doctor`')
    return
  end
  for _, check in ipairs(told.result.checks) do
    local say = check.ok and vim.health.ok or vim.health.warn
    say(('%s: %s'):format(check.part, check.message))
  end
end

function M.check()
  vim.health.start('Starling: the program')
  local there = check_program()
  vim.health.start('Starling: this editor')
  check_editor()
  if there then
    vim.health.start('Starling: the server')
    check_server()
  end
end

return M
