-- The server for Neovim's own LSP client: `vim.lsp.enable('starling')` finds this file on 'runtimepath'.
-- Starts the server and chooses the workspace; lua/starling/ has what the plugin adds to Neovim's client.

---@type vim.lsp.Config
return {
  cmd = require('starling.remote').build_command(),

  -- Otherwise Python would run a `sitecustomize` from a folder in PYTHONPATH before the server could prevent that.
  cmd_env = require('starling.server').create_environment(),

  -- Serves every ordinary buffer with a filetype; Starling reads a language without a grammar as text.
  -- A file outside of a project has no workspace.
  root_dir = function(bufnr, on_dir)
    if vim.bo[bufnr].buftype ~= '' or not require('starling.server').can_start() then
      return -- help, a terminal, the quickfix list and the like; or the program is missing
    end
    on_dir(vim.fs.root(bufnr, {
      { '.starling.toml', '.starlingignore' },
      '.git',
      { '.hg', '.svn', 'pyproject.toml', 'package.json', 'Cargo.toml', 'go.mod', 'pom.xml', 'Makefile' },
    }))
  end,

  -- Changes are sent at once, so that the server never answers for an old text.
  flags = { debounce_text_changes = 0 },

  before_init = function(params)
    require('starling.server').declare_capabilities(params.capabilities)
  end,

  handlers = {
    ['starling/confirm'] = function(...)
      return require('starling.proposals').confirm(...)
    end,
    ['starling/save'] = function(...)
      return require('starling.proposals').save(...)
    end,
    ['starling/ask'] = function(...)
      return require('starling.question').handle_agent_question(...)
    end,
    ['starling/plan'] = function(...)
      return require('starling.plan').confirm(...)
    end,
    ['starling/changed'] = function(...)
      return require('starling.lists').handle_change(...)
    end,
    ['workspace/applyEdit'] = function(...)
      return require('starling.proposals').apply_edit(...)
    end,
    ['window/showMessageRequest'] = function(...)
      return require('starling.question').handle_message_request(...)
    end,
    ['$/cancelRequest'] = function()
      require('starling.question').withdraw()
    end,
    ['$/progress'] = function(...)
      return require('starling.answers').handle_progress(...)
    end,
  },

  -- Nobody waits for the answer to a question of a server that has ended; the next server can ask it again.
  on_exit = vim.schedule_wrap(function(code)
    require('starling.question').withdraw()
    require('starling.remote').report_end(code)
  end),

  -- The names are those of settings.toml; `:help starling-settings` lists them.
  -- For example: { starling = { completion = { multiline = 'never' } } }
  settings = { starling = vim.empty_dict() },
}
