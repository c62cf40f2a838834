-- Neovim sources this file at the start: defines the command, and sets up buffers that Starling serves.
-- `vim.g.starling` holds a person's own choices; see `:help starling-keys`.

if vim.g.loaded_starling then
  return
end
vim.g.loaded_starling = true

if vim.fn.has('nvim-0.11') == 0 then
  vim.notify('Starling needs Neovim 0.11 or later.', vim.log.levels.ERROR)
  return
end

vim.api.nvim_create_autocmd('LspAttach', {
  group = vim.api.nvim_create_augroup('starling.attach', {}),
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'starling' then
      require('starling.suggestions').attach(client, event.buf)
    end
  end,
})

-- Neovim 0.12 reports a server whose program is missing only in its log, so `can_start` shows a message.
vim.api.nvim_create_autocmd('FileType', {
  group = vim.api.nvim_create_augroup('starling.program', {}),
  callback = function()
    local server = require('starling.server')
    if server.is_enabled() then
      server.can_start()
    end
  end,
})

vim.api.nvim_create_user_command('Starling', function(call)
  require('starling.commands').run(call)
end, {
  nargs = '*',
  range = true,
  complete = function(...)
    return require('starling.commands').complete(...)
  end,
  desc = 'Run a command of Starling; see :help starling-commands',
})

vim.api.nvim_create_user_command('StarlingChat', function(call)
  require('starling.chat').open(call.args)
end, { nargs = '*', desc = 'Talk to the team of agents; see :help starling-chat' })
