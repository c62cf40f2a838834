-- The connection to the server: whether it can be started, what we declare to it, and its commands.
-- Knows nothing of what commands mean.

local M = {}

M.name = 'starling'

local missing_said = false

--- Whether a person wants it; the same question on 0.11 and later.
---@return boolean
function M.is_enabled()
  if vim.lsp.is_enabled then
    return vim.lsp.is_enabled(M.name)
  end
  return vim.tbl_get(vim.lsp, '_enabled_configs', M.name) ~= nil
end

--- Whether there is a server to start; where there is none, that is said once, and the editor is left alone.
---@return boolean
function M.can_start()
  local cmd = vim.lsp.config[M.name].cmd
  if type(cmd) ~= 'table' or vim.fn.executable(cmd[1]) == 1 then
    missing_said = false
    return true
  end
  if not missing_said then
    missing_said = true
    local what = ("Starling: there is no program '%s'. Install Starling, or name its program: "):format(cmd[1])
    vim.notify(what .. "vim.lsp.config('starling', { cmd = { '/path/to/starling', 'serve' } })", vim.log.levels.WARN)
  end
  return false
end

--- Return an environment for the server without Python's own variables; the tests that it runs get them back.
---@return table<string, string>
function M.environment()
  local changed = {}
  for name, value in pairs(vim.fn.environ()) do
    if vim.startswith(name, 'PYTHON') and value ~= '' then
      changed[name] = '' -- which is none to Python
      changed['STARLING_KEPT_' .. name] = value
    end
  end
  return changed
end

--- Tell the server, before it starts, what this plugin can do beyond Neovim.
---@param capabilities lsp.ClientCapabilities
function M.declare(capabilities)
  -- lua/starling/proposals.lua answers `starling/confirm`
  capabilities.experimental = vim.tbl_extend('force', capabilities.experimental or {}, { starling = { confirm = true } })
  if not vim.lsp.inline_completion then
    capabilities.textDocument.inlineCompletion = { dynamicRegistration = false } -- lua/starling/ghost.lua shows it
  end
end

--- The server of a buffer, else whichever runs.
---@param bufnr? integer
---@return vim.lsp.Client?
function M.client(bufnr)
  return vim.lsp.get_clients({ name = M.name, bufnr = bufnr or 0 })[1] or vim.lsp.get_clients({ name = M.name })[1]
end

--- Say something of ours.
---@param message string
---@param level? integer
function M.say(message, level)
  vim.notify('Starling: ' .. message, level or vim.log.levels.INFO)
end

--- Run a command of the server.
---@param command string
---@param arguments table
---@param done fun(result?: table, problem?: string)
---@param options? { bufnr?: integer, quiet?: boolean }
function M.execute(command, arguments, done, options)
  options = options or {}
  local client = M.client(options.bufnr)
  if not client then
    return done(nil, 'it does not run here; `:checkhealth starling` says why.')
  end
  local given = next(arguments) and arguments or vim.empty_dict()
  client:request('workspace/executeCommand', { command = command, arguments = { given } }, function(err, result)
    done(result, err and (err.message or tostring(err)) or nil)
  end, options.bufnr)
end

return M
