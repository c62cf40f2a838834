-- The connection to the server: starts it if possible, declares the plugin's capabilities, and runs its commands.
-- Knows no single command.

local M = {}

M.name = 'starling'
M.NOT_RUNNING = 'the server is not running; `:checkhealth starling` says why.'

local has_warned = false -- that the program is missing

--- Whether the configuration enables Starling; Neovim 0.11 has no function for this.
---@return boolean
function M.is_enabled()
  if vim.lsp.is_enabled then
    return vim.lsp.is_enabled(M.name)
  end
  return vim.tbl_get(vim.lsp, '_enabled_configs', M.name) ~= nil
end

--- Whether the server's program exists; if not, warns once.
---@return boolean
function M.can_start()
  local cmd = vim.lsp.config[M.name].cmd
  if type(cmd) ~= 'table' or vim.fn.executable(cmd[1]) == 1 then
    has_warned = false
    return true
  end
  if not has_warned then
    has_warned = true
    local problem = ("Starling: there is no program '%s'. Install Starling, or name its program: "):format(cmd[1])
    vim.notify(problem .. "vim.lsp.config('starling', { cmd = { '/path/to/starling', 'serve' } })", vim.log.levels.WARN)
  end
  return false
end

--- Return changes of the environment for the server: Python's own variables are emptied, and kept as `STARLING_KEPT_...`
--- for the tests that the server runs.
---@return table<string, string>
function M.create_environment()
  local changed = {}
  for name, value in pairs(vim.fn.environ()) do
    if vim.startswith(name, 'PYTHON') and value ~= '' then
      changed[name] = '' -- Python treats an empty variable as unset
      changed['STARLING_KEPT_' .. name] = value
    end
  end
  return changed
end

--- Add what this plugin can do beyond Neovim to the capabilities that the server is told.
---@param capabilities lsp.ClientCapabilities
function M.declare_capabilities(capabilities)
  -- proposals.lua handles `starling/confirm` and `starling/save`, question.lua `starling/ask`, plan.lua `starling/plan`,
  -- lists.lua `starling/changed`, next_edit.lua asks `starling/nextEdit`; remote.lua says that a login is needed
  local ours = { confirm = true, hunks = true, ask = true, plan = true, save = true, changed = true, nextEdit = true, login = true }
  capabilities.experimental = vim.tbl_extend('force', capabilities.experimental or {}, { starling = ours })
  if not vim.lsp.inline_completion then
    capabilities.textDocument.inlineCompletion = { dynamicRegistration = false } -- lua/starling/ghost.lua shows it
  end
end

--- Have Neovim show a buffer as Markdown; by its older highlighting if the parser for Markdown is missing, since Neovim's
--- filetype plugin would then show an error that has to be answered with Enter.
---@param buffer integer
function M.show_markdown(buffer)
  local succeeded, has_parser = pcall(vim.treesitter.language.add, 'markdown')
  if succeeded and has_parser then
    vim.bo[buffer].filetype = 'markdown'
    return
  end
  vim.api.nvim_buf_call(buffer, function() vim.cmd('noautocmd setlocal filetype=markdown') end)
  vim.bo[buffer].syntax = 'markdown'
end

--- Return the client that serves a buffer, by default the current one; else any running client of Starling, or nil.
---@param bufnr? integer
---@return vim.lsp.Client?
function M.get_client(bufnr)
  return vim.lsp.get_clients({ name = M.name, bufnr = bufnr or 0 })[1] or vim.lsp.get_clients({ name = M.name })[1]
end

--- Show a message, with "Starling: " before it.
---@param message string
---@param level? integer
function M.notify(message, level)
  vim.notify('Starling: ' .. message, level or vim.log.levels.INFO)
end

--- Run a command of the server, and pass its result or the error message to `done`.
---@param command string
---@param arguments table
---@param done fun(result?: table, problem?: string)
---@param options? { bufnr?: integer, client?: vim.lsp.Client, quiet?: boolean }
function M.execute(command, arguments, done, options)
  options = options or {}
  local client = options.client or M.get_client(options.bufnr)
  if not client then
    return done(nil, M.NOT_RUNNING)
  end
  local given = next(arguments) and arguments or vim.empty_dict()
  client:request('workspace/executeCommand', { command = command, arguments = { given } }, function(err, result)
    done(result, err and (err.message or tostring(err)) or nil)
  end, options.bufnr)
end

return M
