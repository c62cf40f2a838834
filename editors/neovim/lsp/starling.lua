-- The server for Neovim's own LSP client: `vim.lsp.enable('starling')` finds this file on 'runtimepath'.
-- It starts the server and says which folder is the workspace; what Neovim shows of it is in lua/starling/.

---@type vim.lsp.Config
return {
  cmd = { 'starling', 'serve' },

  -- Python would run a `sitecustomize` of the folder that PYTHONPATH names before the server can say no.
  cmd_env = require('starling.server').environment(),

  -- Every ordinary buffer with a filetype, whatever the language: what Starling has no grammar for, it reads as text.
  -- A file outside of any project is served alone.
  root_dir = function(bufnr, on_dir)
    if vim.bo[bufnr].buftype ~= '' or not require('starling.server').can_start() then
      return -- help, terminals, quickfix and the like; or no Starling, which was said once
    end
    on_dir(vim.fs.root(bufnr, {
      { '.starling.toml', '.starlingignore' },
      '.git',
      { '.hg', '.svn', 'pyproject.toml', 'package.json', 'Cargo.toml', 'go.mod', 'pom.xml', 'Makefile' },
    }))
  end,

  -- What is typed is told at once, and so before the answer to a question that the typing made out of date.
  flags = { debounce_text_changes = 0 },

  before_init = function(params)
    require('starling.server').declare(params.capabilities)
  end,

  handlers = {
    ['starling/confirm'] = function(...)
      return require('starling.proposals').confirm(...)
    end,
    ['workspace/applyEdit'] = function(...)
      return require('starling.proposals').apply_edit(...)
    end,
    ['window/showMessageRequest'] = function(...)
      return require('starling.question').message_request(...)
    end,
    ['$/cancelRequest'] = function()
      require('starling.question').withdraw()
    end,
    ['$/progress'] = function(...)
      return require('starling.answers').progress(...)
    end,
  },

  -- The same names as in settings.toml; `:help starling-settings` lists them.
  -- For example: { starling = { completion = { multiline = 'never' } } }
  settings = { starling = vim.empty_dict() },
}
