-- Starling for Neovim 0.12 and later: `vim.lsp.enable('starling')` finds this file on 'runtimepath'.
-- It starts the server and says which folder is the workspace; everything else is in the server.

---@type vim.lsp.Config
return {
  cmd = { 'starling', 'serve' },

  -- Every ordinary buffer with a filetype, whatever the language: what Starling has no grammar for, it reads as text.
  -- A file outside of any project is served alone.
  root_dir = function(bufnr, on_dir)
    if vim.bo[bufnr].buftype ~= '' then
      return -- help, terminals, quickfix and the like
    end
    on_dir(vim.fs.root(bufnr, {
      { '.starling.toml', '.starlingignore' },
      '.git',
      { '.hg', '.svn', 'pyproject.toml', 'package.json', 'Cargo.toml', 'go.mod', 'pom.xml', 'Makefile' },
    }))
  end,

  -- The diff of what Starling proposes is on the screen while it asks; see lua/starling.lua.
  before_init = function(params)
    require('starling').before_init(params)
  end,
  handlers = {
    ['window/showDocument'] = function(...)
      return require('starling').show(...)
    end,
    ['window/showMessageRequest'] = function(...)
      return require('starling').ask(...)
    end,
  },

  -- The same names as in settings.toml; see `starling doctor` for where that lies.
  -- For example: { starling = { completion = { multiline = 'never' } } }
  settings = { starling = vim.empty_dict() },
}
